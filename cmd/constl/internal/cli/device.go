package cli

import (
	"fmt"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) deviceCommand() *cli.Command {
	return &cli.Command{
		Name: "device", Category: groupPeople, ArgsUsage: "[list | add [KEY] | join URL [DIR] | remove KEY]",
		Usage: "work on a second computer, or give up a lost one",
		Description: "list             the devices of everybody, and which one this is\n" +
			"add              wait for your other computer: it joins by the address or QR code shown here\n" +
			"join URL [DIR]   on that other computer: join, and get the dataset into DIR\n" +
			"add KEY          list a device by its key, which constl key show prints there\n" +
			"remove KEY       a device that is lost or given away: what it signs from now on counts nowhere\n" +
			"While joining, both computers show six digits, which must be the same.\n" +
			"JSON: of list [{\"person\",\"role\",\"key\",\"name\",\"this\":bool}]; of join {\"dataset\",\"dir\",\"code\",\"in_force\"};\n" +
			"of changes as constl maintainer; of add without a key {\"url\"} first",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "add, join: what to call the device, as `NAME`"},
			&cli.StringFlag{Name: "person", Usage: "add KEY: whose device it is (default: yours), as `NAME`"},
			&cli.StringFlag{Name: "listen", Value: ":7420", Usage: "add: the UDP `ADDR`ess HOST:PORT to wait on"},
			&cli.BoolFlag{Name: "no-code", Usage: "add: trust the address alone, and ask nothing"},
			&cli.BoolFlag{Name: "qr", Usage: "add: draw the address as a QR code, too"},
			&cli.BoolFlag{Name: "light", Usage: "draw it for a light terminal"},
		},
		Action: a.action(runDevice),
	}
}

func runDevice(c *command) error {
	words := c.words()
	if len(words) == 0 {
		words = []string{"list"}
	}
	verb, args := words[0], words[1:]
	takes := map[string][2]int{"list": {0, 0}, "add": {0, 1}, "join": {1, 2}, "remove": {1, 1}}
	if err := c.verb(verb, args, takes); err != nil {
		return err
	}
	switch {
	case verb == "add" && len(args) == 0:
		return c.pairDevice()
	case verb == "add":
		return c.addDevice(args[0])
	case verb == "join":
		return c.joinDevice(args)
	case verb == "remove":
		return c.removeDevice(args[0])
	}
	return c.open(c.listDevices)
}

func (c *command) removeDevice(text string) error {
	return c.changeIdentity(func(r *repo.Repo, id *refs.Identity) error { return r.RemoveDevice(c.ctx(), id, text) })
}

func (c *command) addDevice(keyText string) error {
	key, err := refs.ParsePeerID(keyText)
	if err != nil {
		return err
	}
	device := refs.Device{Key: key, Name: c.String("name")}
	return c.changeIdentity(func(r *repo.Repo, id *refs.Identity) error {
		person := c.String("person")
		if person == "" {
			if person, err = r.Self(c.ctx(), id); err != nil {
				return err
			}
		}
		return repo.AddDevice(id, person, device)
	})
}

type listedDevice struct {
	Person string      `json:"person"`
	Role   string      `json:"role"`
	Key    refs.PeerID `json:"key"`
	Name   string      `json:"name"`
	This   bool        `json:"this"`
}

func (c *command) listDevices(r *repo.Repo) error {
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	own, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	list := []listedDevice{}
	for _, p := range chain.Current().People {
		for _, d := range p.Devices {
			list = append(list, listedDevice{p.Name, p.Role.String(), d.Key, d.Name, d.Key == own.PeerID()})
		}
	}
	if c.asJSON() {
		return c.printJSON(list)
	}
	listed := false
	for _, d := range list {
		mark := ""
		if d.This {
			mark, listed = c.style(green, "  this device"), true
		}
		c.print("%s  %s%s%s\n", d.Key, d.Person, nameText(d.Name), mark)
	}
	if !listed {
		c.note("This device (%s) is not among them\n", own.PeerID())
	}
	return nil
}

func nameText(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(", %s", name)
}
