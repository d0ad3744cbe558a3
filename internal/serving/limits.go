package serving

import (
	"context"
	"os"
	"path/filepath"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
)

// readable fails unless the folder can be read.
func readable(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
		return nil // an empty one is none that cannot be read
	}
	return err
}

// homeStamp says whether the person's settings have changed.
func (s *Service) homeStamp() stamp {
	return stamp{config: fileInfo(filepath.Join(s.o.Home, settings.File))}
}

// readLimits reads the bounds of the whole service: those of the person, or of the
// dataset if only one is served.
func (s *Service) readLimits(ctx context.Context) (bounds.Values, error) {
	s.home = s.homeStamp()
	set, err := s.commonSettings(ctx)
	if err != nil {
		return nil, err
	}
	return bounds.Resolve(s.o.Given, set.Get)
}

func (s *Service) commonSettings(ctx context.Context) (*settings.Settings, error) {
	if len(s.sources.roots) > 0 || len(s.sources.dirs) != 1 {
		return settings.Open(s.o.Home, "")
	}
	if s.shelf != nil {
		if cards := s.shelf.cards(); len(cards) == 1 {
			return cards[0].Settings(), nil
		}
	}
	card, err := repo.ReadCard(ctx, s.sources.dirs[0], &repo.Options{Home: s.o.Home})
	if err != nil {
		return nil, err
	}
	return card.Settings(), nil
}

// values returns the bounds of the whole service.
func (s *Service) values() bounds.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// apply takes over the bounds of the whole service, if they have changed.
func (s *Service) apply(ctx context.Context) error {
	limits, err := s.readLimits(ctx)
	if err != nil {
		return err
	}
	old := s.values()
	var changed []string
	for _, b := range bounds.All() {
		if limits[b.Name] != old[b.Name] {
			changed = append(changed, b.Name)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	s.mu.Lock()
	s.limits = limits
	s.mu.Unlock()
	s.memory.SetLimit(requestShare(limits))
	s.cache.SetLimit(cacheShare(limits))
	s.restore()
	s.restore = limitProcess(limits)
	s.gate.SetOptions(s.gateOptions())
	s.server.SetOptions(s.requestOptions())
	s.server.SetMaxStreams(limits.Int(bounds.Streams))
	s.shelf.setLimits(limits)
	if s.o.Events.Reloaded != nil {
		s.o.Events.Reloaded(changed)
	}
	return nil
}
