package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

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
			"Nobody can change your folder: maintainers' pushes are stored, and wait for your merge.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: ":7420", Usage: "the UDP `ADDR`ess HOST:PORT to listen on; port 0 takes a free one"},
			&cli.StringSliceFlag{Name: "dataset", Usage: "serve the dataset in `DIR` (may be repeated; default: the one here)"},
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
	key, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	datasets := make(map[object.ID]transport.Dataset)
	var ids []object.ID
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
		if datasets[id], err = r.Shared(c.ctx()); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	c.env.Stderr = &lockedWriter{w: c.env.Stderr} // every request tells of itself
	// Serving outlives the signal for as long as requests under way need.
	server, err := repo.Serve(context.WithoutCancel(c.ctx()), c.String("listen"), key, datasets, c.served)
	if err != nil {
		return err
	}
	c.printAddresses(server, ids)
	<-c.ctx().Done()
	c.note("Stopping\n")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
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

func (c *command) printAddresses(server *repo.Server, ids []object.ID) {
	hosts := hostsOf(server.Addr())
	for _, id := range ids {
		url := server.URL(id, hosts).String()
		if c.asJSON() {
			_ = c.printJSON(map[string]string{"dataset": id.String(), "url": url})
			continue
		}
		c.print("%s\n", url)
	}
	c.note("Serving on %s. Give the line above to others: constl clone \"URL\" DIR. Stop with Ctrl-C.\n", server.Addr())
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
func (c *command) served(peer refs.PeerID, dataset object.ID, stats transport.Stats, err error) {
	text := fmt.Sprintf("%s %s: %s, %s", time.Now().Format(time.TimeOnly), peer.Short(), plural(stats.Objects, "object"), bytesText(stats.BytesIn+stats.BytesOut))
	// A peer that has what it wanted may leave without a word.
	if err != nil && !errors.Is(err, transport.ErrDisconnected) {
		text += ": " + err.Error()
	}
	c.note("%s\n", text)
}
