package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
)

// Ticket returns the dataset's address at the peers. It says how far the dataset has
// come here, so that nobody can give a clone made with it an older state.
func (r *Repo) Ticket(ctx context.Context, peers []refs.Address) (refs.URL, error) {
	return r.SmallTicket(ctx, peers, func(refs.URL) bool { return true })
}

// SmallTicket is [Repo.Ticket] for where there is little room: it says of fewer and
// fewer devices how far they had come, those that said something last, until the
// address fits. It says so of one at least, whether or not that fits.
func (r *Repo) SmallTicket(ctx context.Context, peers []refs.Address, fits func(refs.URL) bool) (refs.URL, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return refs.URL{}, err
	}
	url := refs.URL{Dataset: view.Chain().Dataset(), Peers: peers}
	for most := refs.ShownFloors; most > 0; most-- {
		if url.State = view.Checkpoint(most); fits(url) {
			break
		}
	}
	return url, nil
}

// servingFile is what is noted while the dataset is served.
type servingFile struct {
	Peers []string `json:"peers"`
	// Unlisted says that other peers are not to be told.
	Unlisted bool `json:"unlisted,omitempty"`
}

func (f *servingFile) addresses() ([]refs.Address, error) {
	var list []refs.Address
	for _, text := range f.Peers {
		a, err := refs.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("reading the addresses: %w: %s: %w", object.ErrCorrupt, servingName, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// readServing returns nil if the dataset is not served.
func (r *Repo) readServing() (*servingFile, error) {
	data, err := os.ReadFile(r.path(servingName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the addresses: %w", err)
	}
	file := &servingFile{}
	if err := json.Unmarshal(data, file); err != nil {
		return nil, fmt.Errorf("reading the addresses: %w: %s: %w", object.ErrCorrupt, servingName, err)
	}
	return file, nil
}

// NoteServing notes under which addresses this dataset is served, for
// [Repo.KnownPeers]; none ends it. Peers from which something is fetched meanwhile are told, and
// tell others, unless the addresses are unlisted.
func (r *Repo) NoteServing(peers []refs.Address, unlisted bool) error {
	name := r.path(servingName)
	if len(peers) == 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("noting that serving ended: %w", err)
		}
		return nil
	}
	file := servingFile{Unlisted: unlisted}
	for _, p := range peers {
		file.Peers = append(file.Peers, p.String())
	}
	data, err := json.MarshalIndent(&file, "", " ")
	if err != nil {
		return fmt.Errorf("noting the addresses: %w", err)
	}
	return durable.WriteFile(name, append(data, '\n'), 0o644)
}

// KnownPeers returns where the dataset can be had: under which addresses it is
// served here, and those of the remotes and of peers of whom these told.
func (r *Repo) KnownPeers() (here, elsewhere []refs.Address, err error) {
	file, err := r.readServing()
	if err == nil && file != nil {
		here, err = file.addresses()
	}
	if err != nil {
		return nil, nil, err
	}
	for _, s := range r.settings.All() {
		if _, ok := settings.RemoteName(s[0]); !ok {
			continue
		}
		url, err := refs.ParseURL(s[1])
		if err != nil {
			continue // fetch says what is wrong with it
		}
		for _, a := range url.Peers {
			if a.Host != "" && !slices.Contains(here, a) && !slices.Contains(elsewhere, a) {
				elsewhere = append(elsewhere, a)
			}
		}
	}
	dataset, err := r.DatasetID()
	if err != nil {
		return nil, nil, err
	}
	url := refs.URL{Dataset: dataset, Peers: slices.Concat(here, elsewhere)}
	return here, append(elsewhere, r.met(url, refs.PeerID{})...), nil
}
