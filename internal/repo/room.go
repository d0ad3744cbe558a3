package repo

import (
	"errors"
	"fmt"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/disk"
	"github.com/constl/constl/internal/progress"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/transport"
)

// mindDisk makes what comes from peers from now on, and what is checked out of it, leave
// as much of the disk free as the settings say.
func (r *Repo) mindDisk() error {
	s := r.settings
	if s == nil { // a clone that begins
		var err error
		if s, err = settings.Open(r.o.Home, ""); err != nil {
			return err
		}
	}
	values, err := bounds.Resolve(nil, s.Get)
	if err != nil {
		return err
	}
	r.floor = values[transport.LimitDiskFloor]
	return nil
}

// room fails with an error that wraps [transport.ErrDiskFull] if so many more bytes would
// leave less of the disk free than there shall be.
func (r *Repo) room(bytes int64) error { return roomAt(r.Dir, bytes, r.floor) }

func roomAt(dir string, bytes, floor int64) error {
	if floor == 0 {
		return nil
	}
	free, err := disk.Free(dir)
	if errors.Is(err, disk.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	if free-bytes >= floor {
		return nil
	}
	return &transport.LimitError{
		Limit: transport.LimitDiskFloor, Class: transport.ErrDiskFull,
		Text: fmt.Sprintf("%s are free, %s more are to be written, and at least %s are to stay free", progress.Size(float64(free)), progress.Size(float64(bytes)), progress.Size(float64(floor))),
	}
}
