package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
	"github.com/zeebo/blake3"
	"golang.org/x/text/unicode/norm"
)

// snapshot records the folder as a tree, in rw. Nothing refers to it yet.
type snapshot struct {
	r    *Repo
	rw   object.ReadWriter
	base *fileSet  // what is checked out
	head object.ID // the commit that is checked out, if the snapshot is to be kept
	// paths restricts what is taken from the folder; everything else stays as in base.
	paths []string
	// describe says that datapackage.json is to be kept in step with the tables.
	describe bool
	// askRenames has columns that may be renamed asked about, instead of taken for new ones.
	askRenames bool
	renames    []Rename
	// sketches makes the statistics of tables while they are read; nil makes none.
	sketches *sketcher

	files  []worktree.File
	cache  *worktree.Cache
	pkg    *datapackage.Package // nil if there is no datapackage.json
	pkgOld []byte
	// pkgStage holds the new datapackage.json until the commit is durable.
	pkgStage *worktree.Stage

	buffers sync.Pool // *[]byte, to read files with

	mu       sync.Mutex
	result   *fileSet
	recorded []Recorded
	read     atomic.Int64 // bytes, for the progress
	total    int64
}

// Recorded says how a file of the folder was taken.
type Recorded struct {
	Path  string
	Table *TableInfo // nil if it is no table
	// Note is what a person should know, such as why a .csv file is kept as a
	// plain file; "" if there is nothing.
	Note string
}

// TableInfo describes a table that was recorded.
type TableInfo struct {
	ID     object.ID
	Rows   int64
	Schema *tabular.Schema
	// New says that the table was not known before, so that its types and key
	// were inferred.
	New bool
	// KeyInferred says that the key was guessed from the rows just now.
	KeyInferred bool

	layout *csv.Layout // of a file that was just read
}

// newSnapshot scans the folder. Paths are relative to the dataset's folder.
func (r *Repo) newSnapshot(ctx context.Context, rw object.ReadWriter, base *fileSet, paths []string) (*snapshot, error) {
	s, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	s.rw, s.paths = rw, paths
	if s.base, err = r.shown(ctx, base); err != nil {
		return nil, err
	}
	return s, s.checkPaths()
}

// look scans the folder, to be compared or recorded.
func (r *Repo) look(ctx context.Context) (*snapshot, error) {
	ignore, err := worktree.ReadIgnore(r.Dir)
	if err != nil {
		return nil, err
	}
	s := &snapshot{r: r}
	s.buffers.New = func() any {
		buf := make([]byte, 256<<10)
		return &buf
	}
	if s.files, err = worktree.Scan(ctx, r.Dir, ignore); err != nil {
		return nil, err
	}
	s.cache = worktree.LoadCache(r.path(statFile))
	for i := range s.files {
		s.total += s.files[i].Size
	}
	return s, nil
}

// checkPaths fails if a path that was asked for names nothing.
func (s *snapshot) checkPaths() error {
	for _, p := range s.paths {
		known := p == "." || slices.ContainsFunc(s.files, func(f worktree.File) bool { return within(f.Path, []string{p}) })
		for name := range s.base.files {
			known = known || within(name, []string{p})
		}
		if !known {
			return fmt.Errorf("%s: %w, nor in the folder", p, ErrNotFile)
		}
	}
	return nil
}

// checkNames fails if a name can't be recorded.
func (s *snapshot) checkNames() error {
	folders := make(map[string][]string)
	seen := make(map[string]bool)
	for _, f := range s.files {
		for name := f.Path; name != "." && !seen[name]; name = path.Dir(name) {
			seen[name] = true
			folders[path.Dir(name)] = append(folders[path.Dir(name)], path.Base(name))
		}
	}
	for folder, names := range folders {
		if err := object.CheckNames(names, norm.NFC.String); err != nil {
			return fmt.Errorf("in the folder %s: %w", folder, err)
		}
	}
	return nil
}

// take records everything and returns the tree.
func (s *snapshot) take(ctx context.Context) (object.ID, error) {
	s.result = &fileSet{files: make(map[string]object.TreeEntry, len(s.files))}
	if err := errors.Join(s.checkNames(), s.readPackage()); err != nil {
		return object.ID{}, err
	}
	for name, e := range s.base.files {
		if !within(name, s.paths) {
			s.result.files[name] = e
		}
	}
	if err := s.recordAll(ctx); err != nil {
		return object.ID{}, err
	}
	s.addRest()
	slices.SortFunc(s.recorded, func(a, b Recorded) int { return strings.Compare(a.Path, b.Path) })
	if s.describe {
		if err := s.writePackage(ctx); err != nil {
			return object.ID{}, err
		}
	}
	return s.result.build(ctx, s.rw, s.base)
}

// recordAll records the files that are wanted.
func (s *snapshot) recordAll(ctx context.Context) error {
	var files []worktree.File
	for _, f := range s.files {
		if within(f.Path, s.paths) {
			files = append(files, f)
		}
	}
	return eachFile(ctx, files, func(ctx context.Context, f worktree.File) error {
		err := s.record(ctx, f)
		s.r.o.Progress("reading files", s.read.Add(f.Size), s.total)
		return err
	})
}

// eachFile calls do for the files, several at a time, until one fails.
func eachFile(ctx context.Context, files []worktree.File, do func(context.Context, worktree.File) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(files)) {
					return
				}
				if err := do(ctx, files[i]); err != nil {
					cancel(fmt.Errorf("%s: %w", files[i].Path, err))
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// record finds out what the file is now: the same as in base, by its stamp or by
// its hash, or something new that is stored.
func (s *snapshot) record(ctx context.Context, f worktree.File) error {
	old, known := s.base.files[f.Path]
	if f.Kind == worktree.Symlink {
		return s.recordLink(ctx, f)
	}
	known = known && old.Type != object.TypeSymlink
	if known && old.Size == f.Size {
		look := s.unchangedOrTable
		if _, cut := s.base.cut[f.Path]; cut {
			look = s.unchanged
		}
		same, err := look(f, old)
		if err != nil {
			return err
		}
		if same {
			return s.keep(ctx, f, old)
		}
	}
	if err := s.checkPart(f.Path); err != nil {
		return err
	}
	return s.store(ctx, f, old, known)
}

// unchangedOrTable is unchanged, but for a table whose stamp has changed: that has
// most likely changed itself, and to read it as a table tells as well.
func (s *snapshot) unchangedOrTable(f worktree.File, old object.TreeEntry) (bool, error) {
	s.mu.Lock()
	sum, ok := s.cache.Sum(f)
	s.mu.Unlock()
	if old.Type == object.TypeTable || ok {
		return ok && sum == old.Sum, nil
	}
	return s.unchanged(f, old)
}

// unchanged reports whether the file's content is that of the entry, reading it
// only if its stamp leaves that open.
func (s *snapshot) unchanged(f worktree.File, old object.TreeEntry) (bool, error) {
	s.mu.Lock()
	sum, ok := s.cache.Sum(f)
	s.mu.Unlock()
	if ok {
		return sum == old.Sum, nil
	}
	var hashed object.ID
	began := time.Now()
	err := s.reading(f, func(file io.Reader) error {
		buf := s.buffers.Get()
		defer s.buffers.Put(buf)
		h := blake3.New()
		_, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{file}, *buf.(*[]byte))
		h.Sum(hashed[:0])
		return err
	})
	if err != nil {
		return false, err
	}
	s.remember(f, hashed, began)
	return hashed == old.Sum, nil
}

// reading opens the file for read, and fails with [ErrChanging] if it was changed
// meanwhile.
func (s *snapshot) reading(f worktree.File, read func(io.Reader) error) error {
	file, err := os.Open(filepath.Join(s.r.Dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	err = errors.Join(read(file), file.Close())
	now, serr := worktree.Look(s.r.Dir, f.Path)
	if serr != nil || now.Stamp != f.Stamp {
		return ErrChanging
	}
	return err
}

func (s *snapshot) remember(f worktree.File, sum object.ID, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.Remember(f, sum, began)
}

// enter puts what was recorded into the result.
func (s *snapshot) enter(f worktree.File, e object.TreeEntry, note *Recorded) {
	e.Name = path.Base(f.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.files[f.Path] = e
	if note != nil {
		s.recorded = append(s.recorded, *note)
	}
}

// keep enters a file whose content has not changed. Its schema may have, in
// datapackage.json.
func (s *snapshot) keep(ctx context.Context, f worktree.File, old object.TreeEntry) error {
	old.Executable = executable(f, old)
	if _, cut := s.base.cut[f.Path]; cut || old.Type != object.TypeTable || s.pkg == nil {
		s.enter(f, old, nil)
		return nil
	}
	id, info, err := s.redeclare(ctx, f.Path, old.ID)
	if err != nil {
		return err
	}
	var note *Recorded
	if id != old.ID {
		note = &Recorded{Path: f.Path, Table: info}
	}
	old.ID = id
	s.enter(f, old, note)
	return nil
}

// executable returns the flag to record: systems without one keep what was there.
func executable(f worktree.File, old object.TreeEntry) bool {
	if runtime.GOOS == "windows" {
		return old.Executable
	}
	return f.Kind == worktree.Executable
}

func (s *snapshot) recordLink(ctx context.Context, f worktree.File) error {
	if err := s.checkPart(f.Path); err != nil {
		return err
	}
	target, err := os.Readlink(filepath.Join(s.r.Dir, filepath.FromSlash(f.Path)))
	if err != nil {
		return fmt.Errorf("reading the link: %w", err)
	}
	target = filepath.ToSlash(target)
	s.remember(f, object.Sum([]byte(target)), time.Now())
	id, err := s.rw.Put(ctx, object.New(object.KindChunk, []byte(target)), object.ID{})
	if err != nil {
		return err
	}
	s.enter(f, object.TreeEntry{Type: object.TypeSymlink, ID: id, Size: int64(len(target))}, nil)
	return nil
}

// store reads a file that is new or changed, as a table if it is one and else as
// a blob.
func (s *snapshot) store(ctx context.Context, f worktree.File, old object.TreeEntry, known bool) error {
	var entry object.TreeEntry
	var note *Recorded
	began := time.Now()
	if csv.IsName(f.Path) {
		var err error
		if entry, note, err = s.storeTable(ctx, f, old, known); err != nil {
			return err
		}
	}
	if entry.ID.IsZero() {
		err := s.reading(f, func(file io.Reader) error {
			blob, err := object.WriteBlob(ctx, s.rw, file)
			entry = object.TreeEntry{Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum}
			return err
		})
		if err != nil {
			return err
		}
	}
	if why := unportable(f.Path); why != "" && !known {
		if note == nil {
			note = &Recorded{Path: f.Path}
		}
		note.Note = strings.TrimPrefix(note.Note+"; "+why, "; ")
	}
	if known && entry.ID == old.ID && entry.Sum == old.Sum {
		note = nil // only its stamp was new
	}
	entry.Executable = executable(f, old)
	s.remember(f, entry.Sum, began)
	s.enter(f, entry, note)
	return nil
}

// unportable says why a path can't be put into a folder under Windows, or "".
func unportable(name string) string {
	for _, part := range strings.Split(name, "/") {
		stem, _, _ := strings.Cut(strings.ToUpper(part), ".")
		switch {
		case strings.ContainsAny(part, `<>:"|?*`):
			return "Windows allows none of < > : \" | ? * in names; it can't be checked out there"
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return "Windows allows no dot or space at the end of a name; it can't be checked out there"
		case slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, stem),
			len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '1' && stem[3] <= '9':
			return "Windows keeps this name for a device; it can't be checked out there"
		}
	}
	return ""
}

// finish writes the stat cache back. A failure costs time later, nothing else.
func (s *snapshot) finish() { _ = s.cache.Save(s.files) }

// readPackage reads the folder's datapackage.json, if there is one.
func (s *snapshot) readPackage() error {
	data, err := os.ReadFile(filepath.Join(s.r.Dir, datapackage.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return follow(datapackage.New("", ""), s.renames)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", datapackage.FileName, err)
	}
	s.pkgOld = data
	if s.pkg, err = datapackage.Parse(data); err != nil {
		return fmt.Errorf("%s: %w", datapackage.FileName, err)
	}
	return follow(s.pkg, s.renames)
}

// KeyNames returns the names of the primary key's fields; none if the table has no key.
func (t *TableInfo) KeyNames() []string { return fieldNames(t.Schema, t.Schema.Key) }
