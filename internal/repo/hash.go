package repo

import (
	"io"

	"github.com/constl/constl/object"
	"github.com/zeebo/blake3"
)

// alongside is from how many bytes on hashing goes on beside writing.
const alongside = 16 << 10

// hashWriter passes bytes on and hashes them on the way. Its sum means something only
// if no write failed.
type hashWriter struct {
	w io.Writer
	h *blake3.Hasher
}

func newHashWriter(w io.Writer) *hashWriter { return &hashWriter{w, blake3.New()} }

// Write implements [io.Writer].
func (h *hashWriter) Write(p []byte) (int, error) {
	if len(p) < alongside {
		h.h.Write(p) // a hasher never fails
		return h.w.Write(p)
	}
	hashed := make(chan struct{})
	go func() {
		defer close(hashed)
		h.h.Write(p)
	}()
	n, err := h.w.Write(p)
	<-hashed
	return n, err
}

func (h *hashWriter) sum() (id object.ID) {
	h.h.Sum(id[:0])
	return id
}
