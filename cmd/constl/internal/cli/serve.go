package cli

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"net/netip"
	"os"

	"github.com/constl/constl/internal/sdnotify"
	"github.com/constl/constl/internal/serving"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

//go:embed serve/constl.service
var systemdUnit string

func (a *app) serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Category: groupTogether, ArgsUsage: "no arguments",
		Usage: "let anybody who has the address get this dataset, until you stop it with Ctrl-C",
		Description: "The first line printed is the address to give away. Commits made meanwhile are served at once, and those who\n" +
			"follow (constl pull --follow) are told of them.\n" +
			"With --follow this copy follows, too: what is new at the one that it was cloned from, or at REMOTE, is fetched, passed\n" +
			"on, and merged as by constl pull, and so are pushes. It may be repeated. The rest is said by: constl help pull\n" +
			"Of several datasets, those that were cloned do that.\n" +
			"Maintainers' pushes are stored, and wait for your merge; your folder stays as it is, and so it does with proposals,\n" +
			"unless you let them be accepted without you:\n" +
			"--accept-proposals says what becomes of the proposals of others: ask keeps them for constl review (the default\n" +
			"if your word counts for the branch); valid accepts at once what only changes rows of tables that are there and breaks\n" +
			"no rule, append-only what only adds rows to them, and both keep the rest for constl review; none takes none.\n" +
			"\n" +
			"--datasets serves every dataset in the folders of DIR; those that come, change and go are noticed within seconds, and\n" +
			"at once on SIGHUP. SIGTERM and Ctrl-C let requests under way finish for\n" +
			"the time of --grace; once more ends at once. --systemd prints a unit for it.\n" +
			"--metrics answers at /metrics in Prometheus' text format, and at /health with 200 while it serves and 503 while it stops.\n" +
			"--log tells on standard error, as text or JSON for machines, of each request and of what comes, goes and fails;\n" +
			"addresses are printed with --json alone then, and by constl share.\n" +
			"\n" +
			"What strangers can make this computer do is bounded. A bound is an option here, or a setting (constl help config);\n" +
			"whoever hits one is told its name. Sizes are written as 500kB, 16MB or 2GiB, times as 30s or 2m.\n" +
			"JSON: {\"dataset\", \"url\"}, one for each dataset, also for those that come later",
		Flags:  append(serveFlags(), boundFlags()...),
		Action: a.action(runServe),
	}
}

func serveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "listen", Value: ":7420", Usage: "the `ADDR`ess HOST:PORT to listen on, UDP and TCP; port 0 takes a free one"},
		&cli.BoolFlag{Name: "unlisted", Usage: "keep the peers that you fetch from meanwhile from telling others this address"},
		&cli.StringSliceFlag{Name: "dataset", Usage: "serve the dataset in `DIR` (may be repeated; default: the one here)"},
		&cli.StringSliceFlag{Name: "datasets", Usage: "serve every dataset in the folders of `DIR` (may be repeated)"},
		newOptionalFlag("follow", "REMOTE", "take what becomes new at the one that this was cloned from, or at REMOTE (or URL), and pass it on"),
		&cli.BoolFlag{Name: "no-validate", Usage: "with --follow, take what comes even if validate.on names pull and it is not valid"},
		&cli.StringFlag{Name: "accept-proposals", Usage: "`POLICY`: ask, valid, append-only or none"},
		&cli.StringFlag{Name: "metrics", Usage: "answer at /metrics and /health of `ADDR`, HOST:PORT; a port alone is one of this computer itself"},
		&cli.BoolFlag{Name: "metrics-private", Usage: "count private datasets in the metrics, too"},
		&cli.StringFlag{Name: "log", Usage: "tell what happens for machines, in `FORM`: text or json"},
		&cli.StringFlag{Name: "log-level", Usage: "with --log, tell of `LEVEL` and above: debug, info (the default), warn or error"},
		&cli.BoolFlag{Name: "systemd", Usage: "print a unit file for systemd, and serve nothing"},
	}
}

func runServe(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	if c.Bool("systemd") {
		c.print("%s", systemdUnit)
		return nil
	}
	progress := c.followProgress()
	log, err := c.serveLog()
	if err != nil {
		return err
	}
	o, err := c.serviceOptions(log)
	if err != nil {
		return err
	}
	follows := c.servedFollows(log, progress)
	defer follows.stop()
	follows.hook(&o.Events)
	if o.Key, err = refs.OpenKey(c.ctx(), c.env.Home); err != nil {
		return err
	}
	service, err := serving.Start(c.ctx(), *o)
	if err != nil {
		return err
	}
	if err := c.announce(service, log); err != nil {
		return errors.Join(err, service.Stop(c.ctx()))
	}
	follows.start(service.Cards())
	manager := sdnotify.To(c.env.variable(sdnotify.Variable))
	log.told("service manager", manager.Ready())
	ended := c.untilStopped(service, log, manager, follows.failed)
	follows.stop()
	log.stopping(service.Grace())
	log.told("service manager", manager.Stopping())
	ctx, cancel := context.WithTimeout(context.Background(), service.Grace())
	defer cancel()
	if err := service.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(ended, err)
	}
	return ended
}

// untilStopped waits until the person ends the command, or something else does, and
// reloads when it is asked to.
func (c *command) untilStopped(service *serving.Service, log *serveLog, manager *sdnotify.Manager, failed <-chan error) error {
	var hangups <-chan os.Signal
	if c.env.Hangups != nil {
		signals, stop := c.env.Hangups()
		defer stop()
		hangups = signals
	}
	for {
		select {
		case <-c.ctx().Done():
			return nil
		case err := <-failed:
			return err
		case <-hangups:
			if c.env.HungUp != nil && c.env.HungUp() {
				return nil // the terminal is gone, and nobody sees that it still runs
			}
			log.told("service manager", manager.Reloading())
			log.reload(service.Reload())
			log.told("service manager", manager.Ready())
		}
	}
}

// announce prints the datasets' addresses.
func (c *command) announce(service *serving.Service, log *serveLog) error {
	cards := service.Cards()
	for _, card := range cards {
		if err := log.address(card, service.Peers()); err != nil {
			return err
		}
	}
	log.serving(service, cards)
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
