package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/serving"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// serveLog tells what happens while datasets are served: to a person, or in records for
// machines. Neither ever holds an address to give away, or a key.
type serveLog struct {
	c       *command
	machine *slog.Logger // nil for a person
}

// serveLog returns the log that the command line asks for.
func (c *command) serveLog() (*serveLog, error) {
	l := &serveLog{c: c}
	form, levelText := c.String("log"), c.String("log-level")
	var level slog.Level
	if levelText != "" {
		if form == "" {
			return nil, usage("constl serve --log text --log-level "+levelText, "--log-level says what --log tells, and that is not given")
		}
		if err := level.UnmarshalText([]byte(levelText)); err != nil || strings.ContainsAny(levelText, "+-") {
			return nil, usage("constl help serve", "--log-level takes debug, info, warn or error, found %q", levelText)
		}
	}
	o := &slog.HandlerOptions{Level: level}
	switch form {
	case "":
	case "text":
		l.machine = slog.New(slog.NewTextHandler(c.env.Stderr, o))
	case "json":
		l.machine = slog.New(slog.NewJSONHandler(c.env.Stderr, o))
	default:
		return nil, usage("constl serve --log text", "--log takes text or json, found %q", form)
	}
	return l, nil
}

// line tells a person something that happens now.
func (l *serveLog) line(format string, args ...any) {
	l.c.note("%s %s\n", time.Now().Format(time.TimeOnly), diffview.Line(fmt.Sprintf(format, args...)))
}

// events are what the service tells of itself.
func (l *serveLog) events() serving.Events {
	return serving.Events{
		Request: l.request, Added: l.added, Removed: l.removed, Damaged: l.damaged, Trouble: l.trouble,
		Limit: l.limit, Proposal: l.proposal, Reloaded: l.reloaded,
	}
}

// serving tells that the service has begun.
func (l *serveLog) serving(s *serving.Service, cards []*repo.Card) {
	for _, card := range cards {
		if p := card.Part(); p != nil {
			l.c.note("Only a part of %s is here and can be given away: %s\n", card.Dataset.Short(), p)
		}
	}
	if l.machine != nil {
		l.machine.Info("serving", "address", s.Addr().String(), "datasets", len(cards), "metrics", s.MetricsAddr())
		return
	}
	line := "the line above"
	if len(cards) != 1 {
		line = "a line above"
	}
	l.c.note("Serving %s on %s. Give %s to others: constl clone \"URL\" DIR, or as a QR code: constl share --qr. Stop with Ctrl-C.\n",
		plural(int64(len(cards)), "dataset"), s.Addr(), line)
	if at := s.MetricsAddr(); at != "" {
		l.c.note("Metrics: http://%s/metrics, health: http://%s/health\n", at, at)
	}
}

// stopping tells that the service ends.
func (l *serveLog) stopping(grace time.Duration) {
	if l.machine != nil {
		l.machine.Info("stopping", "grace", grace.String())
		return
	}
	l.c.note("Stopping; what is under way has %s. Once more ends at once.\n", grace)
}

// request tells of a request that was answered.
func (l *serveLog) request(r transport.Served, _ bool) {
	// A peer that has what it wanted may leave without a word.
	failed := r.Err != nil && !errors.Is(r.Err, transport.ErrDisconnected)
	if l.machine == nil {
		text := fmt.Sprintf("%s: %s, %s", r.Peer.Short(), plural(r.Stats.Objects, "object"), bytesText(r.Stats.BytesIn+r.Stats.BytesOut))
		if failed {
			text += ": " + safe(r.Err.Error())
		}
		idle := r.Kind == transport.RequestWatch && r.Stats.Objects == 0
		if !r.Dataset.IsZero() && (failed || !idle) {
			l.line("%s", text)
		}
		return
	}
	attrs := []slog.Attr{
		slog.String("peer", r.Peer.String()), slog.String("kind", string(r.Kind)),
		slog.Int64("objects", r.Stats.Objects), slog.Int64("bytes_in", r.Stats.BytesIn), slog.Int64("bytes_out", r.Stats.BytesOut),
		slog.Float64("seconds", r.Took.Seconds()),
	}
	if !r.Dataset.IsZero() {
		attrs = append(attrs, slog.String("dataset", r.Dataset.String()))
	}
	if r.Waited > time.Millisecond {
		attrs = append(attrs, slog.Float64("waited", r.Waited.Seconds()))
	}
	if r.Limit != "" {
		attrs = append(attrs, slog.String("limit", r.Limit))
	}
	level := slog.LevelInfo
	if r.Kind == "" && !failed {
		level = slog.LevelDebug // nothing was asked
	}
	if failed {
		attrs = append(attrs, slog.String("error", r.Err.Error()))
	}
	l.machine.LogAttrs(context.Background(), level, "request", attrs...)
}

// added tells of a dataset that has come, and prints its address.
func (l *serveLog) added(card *repo.Card, peers []refs.Address) {
	if l.machine != nil {
		l.machine.Info("dataset added", "dir", card.Dir, "dataset", card.Dataset.String())
	} else {
		l.line("serving %s, too", card.Dir)
	}
	if err := l.address(card, peers); err != nil {
		l.trouble(card.Dir, "printing its address", err)
	}
}

// address prints the address of a dataset. Where a machine keeps what is printed, it is
// printed only if that was asked for: whoever reads logs need not have the addresses.
func (l *serveLog) address(card *repo.Card, peers []refs.Address) error {
	if l.machine != nil && !l.c.asJSON() {
		return nil
	}
	url, err := card.Ticket(l.c.ctx(), peers)
	if err != nil {
		return fmt.Errorf("%s: %w", card.Dir, err)
	}
	if l.c.asJSON() {
		return l.c.printJSON(map[string]string{"dataset": url.Dataset.String(), "url": url.String()})
	}
	l.c.print("%s\n", url)
	return nil
}

// followed tells machines what happened while a dataset was followed.
func (l *serveLog) followed(card *repo.Card, e *repo.FollowEvent) {
	attrs := []slog.Attr{slog.String("event", string(e.Kind)), slog.String("dir", card.Dir), slog.String("dataset", card.Dataset.String())}
	if e.Remote != "" {
		attrs = append(attrs, slog.String("remote", e.Remote))
	}
	level := slog.LevelInfo
	switch {
	case e.Fetch != nil:
		attrs = append(attrs, slog.Int64("objects", e.Fetch.Objects), slog.Int64("bytes", e.Fetch.Bytes))
	case e.Merge != nil:
		attrs = append(attrs, slog.String("before", e.Merge.Before.String()), slog.String("after", e.Merge.After.String()),
			slog.Int("conflicts", len(e.Merge.Conflicts)))
	case e.Err != nil:
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	l.machine.LogAttrs(context.Background(), level, "follow", attrs...)
}

func (l *serveLog) removed(dir string, dataset object.ID) {
	if l.machine != nil {
		l.machine.Info("dataset removed", "dir", dir, "dataset", dataset.String())
		return
	}
	l.line("%s is no longer there, and served no more", dir)
}

func (l *serveLog) damaged(dir string, err error) {
	if l.machine != nil {
		l.machine.Error("dataset not served", "dir", dir, "error", err.Error())
		return
	}
	l.line("warning: %s cannot be served: %s", dir, err)
}

func (l *serveLog) trouble(where, doing string, err error) {
	if l.machine != nil {
		l.machine.Warn("trouble", "where", where, "doing", doing, "error", err.Error())
		return
	}
	l.line("warning: %s: %s: %s", where, doing, err)
}

func (l *serveLog) limit(name string, times int64) {
	if l.machine != nil {
		l.machine.Warn("limit hit", "limit", name, "times", times)
		return
	}
	l.line("the limit %s was hit %s", name, plural(times, "time"))
}

func (l *serveLog) proposal(p *repo.Proposal, text string) {
	if l.machine != nil {
		l.machine.Info("proposal", "id", p.ID(), "by", who(p), "subject", subject(p), "result", text)
		return
	}
	l.line("proposal %s of %s (%s): %s", p.ID(), who(p), subject(p), text)
}

func (l *serveLog) reloaded(changed []string) {
	if l.machine != nil {
		l.machine.Info("settings taken over", "changed", changed)
		return
	}
	l.line("new settings hold: %s", strings.Join(changed, ", "))
}

// reload tells that a reload was asked for, and how it went; what failed was told already.
func (l *serveLog) reload(err error) {
	switch {
	case l.machine != nil:
		l.machine.Info("reloaded", "ok", err == nil)
	case err == nil:
		l.line("reloaded")
	}
}

// told tells of a failure to tell somebody.
func (l *serveLog) told(whom string, err error) {
	if err != nil {
		l.trouble("the "+whom, "telling it", err)
	}
}
