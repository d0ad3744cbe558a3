package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/urfave/cli/v2"
)

func (a *app) serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Category: groupTogether, ArgsUsage: "no arguments",
		Usage: "let anybody who has the address get this dataset, until you stop it with Ctrl-C",
		Description: "The first line printed is the address to give away. Commits made meanwhile are served at once.\n" +
			"Maintainers' pushes are stored, and wait for your merge; your folder stays as it is, and so it does with proposals,\n" +
			"unless you let them be accepted without you:\n" +
			"--accept-proposals says what becomes of the proposals of others: ask keeps them for constl review (the default\n" +
			"if your word counts for the branch); valid accepts at once what only changes rows of tables that are there and breaks\n" +
			"no rule, append-only what only adds rows to them, and both keep the rest for constl review; none takes none.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: ":7420", Usage: "the `ADDR`ess HOST:PORT to listen on, UDP and TCP; port 0 takes a free one"},
			&cli.StringSliceFlag{Name: "dataset", Usage: "serve the dataset in `DIR` (may be repeated; default: the one here)"},
			&cli.BoolFlag{Name: "unlisted", Usage: "keep the peers that you fetch from meanwhile from telling others this address"},
			&cli.StringFlag{Name: "accept-proposals", Usage: "`POLICY`: ask, valid, append-only or none"},
			&cli.IntFlag{Name: "max-proposals", Value: 8, Usage: "take at most `N` proposals of one device that have no answer"},
			&cli.StringFlag{Name: "max-proposal-bytes", Value: "16MB", Usage: "of at most this `SIZE` in all, uncompressed"},
			&cli.Int64Flag{Name: "max-proposal-rows", Value: 100_000, Usage: "each changing at most `N` rows"},
			&cli.IntFlag{Name: "max-proposals-total", Value: 256, Usage: "and at most `N` of all devices, of 16 times that size"},
		},
		Action: a.action(runServe),
	}
}

func runServe(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	dirs := c.StringSlice("dataset")
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	sharing, err := c.sharing()
	if err != nil {
		return err
	}
	key, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	c.env.Stderr = &lockedWriter{w: c.env.Stderr} // every request tells of itself
	datasets := make(map[object.ID]transport.Dataset)
	var served []*repo.Repo
	for _, dir := range dirs {
		r, err := repo.Open(c.ctx(), c.env.path(dir), c.options(nil))
		if err != nil {
			return err
		}
		defer r.Close()
		id, err := r.DatasetID()
		if err != nil {
			return err
		}
		if p := r.Part(); p != nil {
			c.note("Only a part of %s is here and can be given away: %s\n", id.Short(), p)
		}
		if datasets[id], err = r.Shared(c.ctx(), sharing); err != nil {
			return err
		}
		served = append(served, r)
	}
	// Serving outlives the signal for as long as requests under way need.
	server, err := repo.Serve(context.WithoutCancel(c.ctx()), c.String("listen"), key, repo.Among(datasets), &repo.ServeOptions{
		Requests: transport.ServerOptions{Done: c.served},
	})
	if err != nil {
		return err
	}
	if err := c.announce(server, served); err != nil {
		return errors.Join(err, server.Close(c.ctx()))
	}
	<-c.ctx().Done()
	c.note("Stopping\n")
	for _, r := range served {
		if err := r.NoteServing(nil, false); err != nil {
			c.note("warning: %s\n", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// sharing reads how datasets are to be served.
func (c *command) sharing() (*repo.ShareOptions, error) {
	o := &repo.ShareOptions{
		Proposals: repo.ProposalPolicy(c.String("accept-proposals")), MaxProposals: c.Int("max-proposals"),
		MaxProposalRows: c.Int64("max-proposal-rows"), MaxProposalsTotal: c.Int("max-proposals-total"),
		Report: func(p *repo.Proposal, text string) {
			c.note("%s proposal %s of %s (%s): %s\n", time.Now().Format(time.TimeOnly), p.ID(), who(p), subject(p), diffview.Line(text))
		},
	}
	if o.Proposals != "" && !slices.Contains(repo.ProposalPolicies(), o.Proposals) {
		return nil, usage("constl help serve", "--accept-proposals takes ask, valid, append-only or none, found %q", o.Proposals)
	}
	var err error
	if o.MaxProposalBytes, err = parseBytes(c.String("max-proposal-bytes")); err != nil {
		return nil, err
	}
	if o.MaxProposals < 1 || o.MaxProposalBytes < 1 || o.MaxProposalRows < 1 || o.MaxProposalsTotal < 1 {
		return nil, usage("constl serve --accept-proposals none", "a limit is at least 1; to take no proposals, say so")
	}
	return o, nil
}

// parseBytes reads a size as 500kB, 16MB, 2GB, or a number of bytes.
func parseBytes(text string) (int64, error) {
	digits, factor := text, int64(1)
	for unit, f := range map[string]int64{"kB": 1e3, "MB": 1e6, "GB": 1e9} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			digits, factor = number, f
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, usage("constl help serve", "expected a size as 500kB, 16MB or 2GB, found %q", text)
	}
	return n * factor, nil
}

// lockedWriter lets several goroutines write whole lines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements [io.Writer].
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// announce prints the datasets' addresses, and notes them for constl share.
func (c *command) announce(server *repo.Server, served []*repo.Repo) error {
	peers := server.Addresses(hostsOf(server.Addr()))
	for _, r := range served {
		url, err := r.Ticket(c.ctx(), peers)
		if err != nil {
			return err
		}
		if err := r.NoteServing(peers, c.Bool("unlisted")); err != nil {
			return err
		}
		if c.asJSON() {
			_ = c.printJSON(map[string]string{"dataset": url.Dataset.String(), "url": url.String()})
			continue
		}
		c.print("%s\n", url)
	}
	c.note("Serving on %s. Give the line above to others: constl clone \"URL\" DIR, or as a QR code: constl share --qr. Stop with Ctrl-C.\n", server.Addr())
	return nil
}

// hostsOf returns the hosts under which others reach an address: itself, or, if
// that means every network of this computer, the addresses of them.
func hostsOf(addr netip.AddrPort) []string {
	if !addr.Addr().IsUnspecified() {
		return []string{addr.Addr().Unmap().String()}
	}
	list, err := net.InterfaceAddrs()
	if err != nil {
		return []string{"127.0.0.1"}
	}
	var hosts []string
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && (n.IP.To4() != nil || addr.Addr().Is6()) {
			hosts = append(hosts, n.IP.String())
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}

// served tells of a request that was answered.
func (c *command) served(r transport.Served) {
	if r.Dataset.IsZero() {
		return
	}
	text := fmt.Sprintf("%s %s: %s, %s", time.Now().Format(time.TimeOnly), r.Peer.Short(), plural(r.Stats.Objects, "object"), bytesText(r.Stats.BytesIn+r.Stats.BytesOut))
	// A peer that has what it wanted may leave without a word.
	if r.Err != nil && !errors.Is(r.Err, transport.ErrDisconnected) {
		text += ": " + safe(r.Err.Error())
	}
	c.note("%s\n", text)
}
