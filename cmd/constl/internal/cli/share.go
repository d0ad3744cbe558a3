package cli

import (
	"slices"

	"github.com/constl/constl/internal/qr"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) shareCommand() *cli.Command {
	return &cli.Command{
		Name: "share", Category: groupTogether, ArgsUsage: "no arguments",
		Usage: "print the address to give to others, as text or as a QR code",
		Description: "The address names the peers that have the dataset: this computer while constl serve runs here, and those\n" +
			"that you cloned from or named as remotes. It also says how far the dataset has come: a clone made with it\n" +
			"refuses an older state.\n" +
			"--qr draws a shorter spelling of it, which fits a terminal of 24 lines and 80 columns unless this computer\n" +
			"has a long name. It leads to one peer alone, and says of fewer devices how far they had come.\n" +
			"JSON: {\"url\", \"dataset\", \"peers\":[…], \"serving\":bool}",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "qr", Usage: "draw it as a QR code instead, with one peer alone"},
			&cli.BoolFlag{Name: "light", Usage: "draw it for dark writing on a light ground"},
		},
		Action: a.action(runShare),
	}
}

func runShare(c *command) error {
	if _, err := c.arguments(0, 0); err != nil {
		return err
	}
	if c.Bool("qr") && c.asJSON() {
		return usage("constl share --qr", "--qr is a picture: choose it or --json")
	}
	return c.open(func(r *repo.Repo) error {
		here, elsewhere, err := r.KnownPeers()
		if err != nil {
			return err
		}
		peers := append(here, elsewhere...)
		if len(peers) == 0 {
			return usage("constl serve", "nobody is known to serve this dataset, so there is no address to give away")
		}
		if len(here) == 0 && !c.asJSON() {
			c.note("  constl serve does not run here: the address leads to the peers that you have it from\n")
		}
		if c.Bool("qr") {
			var urls []refs.URL
			for i := range peers {
				url, err := r.SmallTicket(c.ctx(), peers[i:i+1], fitsQR)
				if err != nil {
					return err
				}
				urls = append(urls, url)
			}
			return c.printQR(smallest(urls).Compact())
		}
		url, err := r.Ticket(c.ctx(), peers)
		if err != nil {
			return err
		}
		if !c.asJSON() {
			c.print("%s\n", url)
			return nil
		}
		places := make([]string, len(peers))
		for i, p := range peers {
			places[i] = p.String()
		}
		return c.printJSON(struct {
			URL     string   `json:"url"`
			Dataset string   `json:"dataset"`
			Peers   []string `json:"peers"`
			Serving bool     `json:"serving"`
		}{url.String(), url.Dataset.String(), places, len(here) > 0})
	})
}

func fitsQR(u refs.URL) bool { return qr.Fits(u.Compact()) }

// smallest returns the first of several addresses whose QR code fits a small terminal, or
// else the first.
func smallest(urls []refs.URL) refs.URL {
	return urls[max(slices.IndexFunc(urls, fitsQR), 0)]
}
