package cli

import (
	"slices"
	"strings"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/serving"
	"github.com/urfave/cli/v2"
)

// boundFlags are the options of serve that bound what it does.
func boundFlags() []cli.Flag {
	var flags []cli.Flag
	for _, b := range bounds.All() {
		value := "`N`"
		switch b.Unit {
		case bounds.Bytes:
			value = "`SIZE`"
		case bounds.Time:
			value = "`TIME`"
		}
		flags = append(flags, &cli.StringFlag{
			Name: b.Name, Usage: value + ": " + b.Usage, DefaultText: b.Format(b.Default),
		})
	}
	return flags
}

// serviceOptions reads what is to be served, and how.
func (c *command) serviceOptions(log *serveLog) (*serving.Options, error) {
	o := &serving.Options{
		Address: c.String("listen"), Home: c.env.Home, Policy: repo.ProposalPolicy(c.String("accept-proposals")),
		Hosts: hostsOf, Unlisted: c.Bool("unlisted"), Metrics: c.String("metrics"), MetricsPrivate: c.Bool("metrics-private"), Version: version,
		Events: log.events(),
	}
	for _, dir := range c.StringSlice("dataset") {
		o.Dirs = append(o.Dirs, c.env.path(dir))
	}
	for _, dir := range c.StringSlice("datasets") {
		o.Roots = append(o.Roots, c.env.path(dir))
	}
	if len(o.Dirs)+len(o.Roots) == 0 {
		o.Dirs = []string{c.env.path(".")}
	}
	if o.MetricsPrivate && o.Metrics == "" {
		return nil, usage("constl serve --metrics 7421 --metrics-private", "--metrics-private says what --metrics shows, and that is not given")
	}
	if o.Policy != "" && !slices.Contains(repo.ProposalPolicies(), o.Policy) {
		return nil, usage("constl help serve", "--accept-proposals takes ask, valid, append-only or none, found %q", o.Policy)
	}
	var err error
	o.Given, err = c.givenBounds()
	return o, err
}

// givenBounds reads the bounds on the command line.
func (c *command) givenBounds() (bounds.Values, error) {
	given := make(bounds.Values)
	for _, b := range bounds.All() {
		if !c.IsSet(b.Name) {
			continue
		}
		n, err := b.Parse(strings.TrimSpace(c.String(b.Name)))
		if err != nil {
			next := "constl help serve"
			if strings.HasPrefix(b.Name, bounds.Proposals[:len("max-proposal")]) {
				next = "to take no proposals: constl serve --accept-proposals none"
			}
			return nil, usage(next, "--%s: %s", b.Name, strings.TrimPrefix(err.Error(), bounds.ErrInvalid.Error()+": "))
		}
		given[b.Name] = n
	}
	return given, nil
}
