package repo

import (
	"io"

	"github.com/constl/constl/object"
	"github.com/zeebo/blake3"
)

// hashWriter passes bytes on and hashes them on the way.
type hashWriter struct {
	w io.Writer
	h *blake3.Hasher
}

func newHashWriter(w io.Writer) *hashWriter { return &hashWriter{w, blake3.New()} }

// Write implements [io.Writer].
func (h *hashWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.h.Write(p[:n]) // a hasher never fails
	return n, err
}

func (h *hashWriter) sum() (id object.ID) {
	h.h.Sum(id[:0])
	return id
}
