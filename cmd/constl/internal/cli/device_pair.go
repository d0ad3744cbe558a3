package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
)

// pairDevice waits for another computer of this person to join.
func (c *command) pairDevice() error {
	return c.open(func(r *repo.Repo) error {
		ctx, cancel := context.WithCancel(c.ctx())
		defer cancel()
		in := bufio.NewReader(c.env.Stdin)
		confirm := func(name, code string) (bool, error) { return c.confirmCode(in, name, code), nil }
		p, err := r.Pair(ctx, c.String("listen"), confirm)
		if errors.Is(err, syscall.EADDRINUSE) && !c.IsSet("listen") {
			// constl serve runs here.
			p, err = r.Pair(ctx, ":0", confirm)
		}
		if err != nil {
			return err
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = p.Close(ctx) // what is not finished by then the guest asks for again
		}()
		if err := c.printPairing(p); err != nil {
			return err
		}
		ch, err := p.Wait(ctx)
		if ch == nil {
			return err
		}
		if err != nil {
			c.note("The other computer did not get the dataset here; it can still clone it: constl clone URL\n")
		}
		return c.printChange(ch)
	})
}

func (c *command) printPairing(p *repo.Pairing) error {
	addr := p.Addr().(*net.UDPAddr).AddrPort()
	hosts := hostsOf(addr)
	url := p.URL(hosts).String()
	if !c.asJSON() {
		c.print("%s\n", url)
	} else if err := c.printJSON(map[string]string{"url": url}); err != nil {
		return err
	}
	c.note("On your other computer: constl device join \"URL\" DIR, with the line above. Whoever sees the line can try\n" +
		"to join in your place: compare the six digits. Stop waiting with Ctrl-C.\n")
	if c.Bool("qr") {
		// One host keeps the code small enough for a terminal.
		var urls []refs.URL
		for i := range hosts {
			urls = append(urls, p.URL(hosts[i:i+1]))
		}
		return c.printQR(smallest(urls).Compact())
	}
	return nil
}

// confirmCode asks whether the other computer shows the same digits.
func (c *command) confirmCode(in *bufio.Reader, name, code string) bool {
	if c.Bool("no-code") {
		return true
	}
	if name == "" {
		name = "the other computer"
	}
	_, _ = io.WriteString(c.env.Stderr, "Does "+name+" show "+spaced(code)+"? [y/N] ")
	line, err := in.ReadString('\n')
	if err != nil && line == "" {
		_, _ = io.WriteString(c.env.Stderr, "\n")
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// spaced parts the six digits for the eye.
func spaced(code string) string { return code[:3] + " " + code[3:] }

// joinDevice lets this computer join, and gets the dataset.
func (c *command) joinDevice(args []string) error {
	url, err := refs.ParseURL(args[0])
	if err != nil {
		return err
	}
	if !repo.IsPairing(url) {
		return usage("constl device add", "this is no address to join by; get one on your first computer, in the dataset's folder")
	}
	dir := url.Dataset.Short()
	if len(args) == 2 {
		dir = args[1]
	}
	name := c.String("name")
	if name == "" {
		name = runtime.GOOS
	}
	code := ""
	report, done := c.progress()
	defer done()
	r, _, paired, err := repo.Join(c.ctx(), url, c.env.path(dir), name, c.options(report), func(digits string) {
		code = digits
		c.note("This computer shows %s. Confirm it on the other one.\n", spaced(digits))
	})
	if err != nil {
		return err
	}
	defer r.Close()
	done()
	if c.asJSON() {
		return c.printJSON(struct {
			Dataset string `json:"dataset"`
			Dir     string `json:"dir"`
			Code    string `json:"code"`
			InForce bool   `json:"in_force"`
		}{url.Dataset.String(), r.Dir, code, paired.InForce})
	}
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	c.print("Joined %s; it is in %s\n", c.style(bold, chain.Current().Name), r.Dir)
	if !paired.InForce {
		c.note("What you sign here counts when more maintainers have approved it: constl maintainer approve\n")
	}
	return nil
}
