package repo

import (
	"context"
	"time"
)

// restoredPatience is how long a copy that was put back from a backup waits for each
// peer before it signs.
const restoredPatience = 10 * time.Second

// Restored tells of a copy that was put back from a backup, or copied from another
// computer with the device's key.
type Restored struct {
	// Asked names the remotes that said what this device had signed since, and
	// Silent those that could not be asked.
	Asked, Silent []string
}

// Restored returns what was done because this copy was found to be put back from a
// backup when it was to sign, or nil. It goes on in a new log then, so that it cannot
// contradict what it had signed since the backup, whether or not a peer could be asked.
func (r *Repo) Restored() *Restored { return r.restored }

// readyToSign opens the key, and asks the remotes for this copy's own log if the device
// may have signed more than it remembers.
func (r *Repo) readyToSign(ctx context.Context) error {
	if _, err := r.signer(ctx); err != nil || r.asked {
		return err
	}
	r.asked = true
	doubt, err := r.refs.Restored(ctx)
	if err != nil || !doubt {
		return err
	}
	told := &Restored{}
	for name := range r.remotes() {
		within, cancel := context.WithTimeout(ctx, restoredPatience)
		_, err := r.Fetch(within, name)
		cancel()
		if err := ctx.Err(); err != nil {
			return err
		}
		// A peer that is not there, or gives what is not believed, is no reason not to
		// record what was done here.
		if err != nil {
			told.Silent = append(told.Silent, name)
		} else {
			told.Asked = append(told.Asked, name)
		}
	}
	r.restored = told
	return nil
}
