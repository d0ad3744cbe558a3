package transport

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// Bounds of the objects that are verified at once.
const (
	verifyJobs  = 64
	verifyBytes = 8 << 20 // of the objects, what came for them, and the bases of deltas
	maxWorkers  = 8
)

// verifyJob is one object that came and was solicited.
type verifyJob struct {
	ctx   context.Context
	batch object.Batch
	id    object.ID
	entry entry.Entry
	base  object.Object // of a delta
}

// bytes returns what the job holds in memory.
func (j *verifyJob) bytes() int {
	if j.entry.Encoding == entry.Raw {
		return j.entry.Length // the object is what came
	}
	return j.entry.Length + len(j.entry.Data) + len(j.base)
}

// verified is an object that was found to be what its id says, and stored.
type verified struct {
	id     object.ID
	kind   object.Kind
	links  []object.ID
	length int
	size   int // as it came
	delta  bool
}

// verifier decodes, hashes and stores objects in several goroutines. Jobs are
// submitted and harvested by one goroutine.
type verifier struct {
	codec   *entry.Codec
	jobs    chan verifyJob
	space   *weights
	workers sync.WaitGroup
	open    sync.WaitGroup // jobs not yet done

	mu     sync.Mutex
	done   []verified
	err    error
	failed chan struct{} // closed with the first failure
}

func (v *verifier) start(codec *entry.Codec) {
	v.codec = codec
	v.jobs = make(chan verifyJob, verifyJobs)
	v.space = newWeights(verifyBytes)
	v.err, v.failed = nil, make(chan struct{})
	for range min(runtime.GOMAXPROCS(0), maxWorkers) {
		v.workers.Go(func() {
			for j := range v.jobs {
				v.work(&j)
				v.space.release(j.bytes())
				v.open.Done()
			}
		})
	}
}

func (v *verifier) stop() {
	close(v.jobs)
	v.workers.Wait()
}

// submit hands a job over; it waits while as much as is allowed is under way.
func (v *verifier) submit(j verifyJob) error {
	if err := v.space.acquire(j.ctx, j.bytes()); err != nil {
		return err
	}
	v.open.Add(1)
	v.jobs <- j
	return nil
}

// harvest returns the objects that were stored since the last time, and the first
// failure so far. It does not wait.
func (v *verifier) harvest() ([]verified, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	done := v.done
	v.done = nil
	return done, v.err
}

// wait waits for all jobs.
func (v *verifier) wait() { v.open.Wait() }

func (v *verifier) work(j *verifyJob) {
	o, err := v.decode(j)
	if err == nil {
		if putErr := j.put(o); putErr != nil {
			err = fmt.Errorf("storing object %s: %w", j.id.Short(), putErr)
		}
	}
	var links []object.ID
	if err == nil {
		links, err = object.Links(o)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.done = append(v.done, verified{j.id, o.Kind(), links, len(o), j.entry.Size(), j.entry.Encoding == entry.Delta})
	} else if v.err == nil {
		v.err = err
		close(v.failed)
	}
}

// put stores the object, in the form in which it came if the store can take that.
func (j *verifyJob) put(o object.Object) error {
	if p, ok := j.batch.(entry.Putter); ok {
		return p.PutEntry(j.ctx, j.id, o, j.entry)
	}
	_, err := j.batch.Put(j.ctx, o, j.entry.Base)
	return err
}

// decode returns the object if it is what its id says.
func (v *verifier) decode(j *verifyJob) (object.Object, error) {
	o, err := v.codec.Decode(j.entry, j.base)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrForged, j.id, err)
	}
	if found := o.ID(); found != j.id {
		return nil, fmt.Errorf("%w: expected %s, found %s", ErrForged, j.id, found)
	}
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrForged, j.id, err)
	}
	if err := checkSignature(o); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrForged, j.id, err)
	}
	return o, nil
}

// checkSignature makes sure that who is said to have made a commit or tag has signed it.
func checkSignature(o object.Object) error {
	switch o.Kind() {
	case object.KindCommit:
		c, err := object.DecodeCommit(o)
		if err != nil {
			return err
		}
		return c.Verify()
	case object.KindTag:
		t, err := object.DecodeTag(o)
		if err != nil {
			return err
		}
		return t.Verify()
	}
	return nil
}
