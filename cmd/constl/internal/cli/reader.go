package cli

import (
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) readerCommand() *cli.Command {
	return &cli.Command{
		Name: "reader", Category: groupPeople, ArgsUsage: "[list | add NAME KEY | remove NAME | only-listed | everyone]",
		Usage: "show or change who may read the dataset",
		Description: "list               who may read it\n" +
			"add NAME KEY       list somebody as a reader; KEY is what constl key show prints there\n" +
			"remove NAME        NAME gets nothing new; what they have they keep\n" +
			"only-listed        make it private: to everybody else it is as if it did not exist\n" +
			"everyone           make it public\n" +
			"Maintainers and contributors may always read; they are listed with constl maintainer.\n" +
			"JSON: of list {\"private\":bool, \"readers\":[{\"name\",\"role\",\"devices\":[{\"key\",\"name\"}]}]};\n" +
			"of changes as of constl maintainer",
		Action: a.action(runReader),
	}
}

func runReader(c *command) error {
	words := c.words()
	if len(words) == 0 {
		words = []string{"list"}
	}
	verb, args := words[0], words[1:]
	takes := map[string][2]int{"list": {0, 0}, "add": {2, 2}, "remove": {1, 1}, "only-listed": {0, 0}, "everyone": {0, 0}}
	if err := c.verb(verb, args, takes); err != nil {
		return err
	}
	switch verb {
	case "list":
		return c.open(c.listReaders)
	case "add":
		return c.addReader(args[0], args[1])
	case "remove":
		return c.changeIdentity(func(r *repo.Repo, id *refs.Identity) error { return c.removeReader(r, id, args[0]) })
	}
	return c.changeIdentity(func(_ *repo.Repo, id *refs.Identity) error {
		if id.Audience = refs.Public; verb == "only-listed" {
			id.Audience = refs.PeopleOnly
		}
		return nil
	})
}

func (c *command) addReader(name, keyText string) error {
	key, err := refs.ParsePeerID(keyText)
	if err != nil {
		return err
	}
	return c.changeIdentity(func(_ *repo.Repo, id *refs.Identity) error {
		return repo.AddPerson(id, refs.Person{Name: name, Role: refs.Reader, Devices: []refs.Device{{Key: key}}})
	})
}

// removeReader takes a reader out; those with more to say are none of its business.
func (c *command) removeReader(r *repo.Repo, id *refs.Identity, name string) error {
	i, err := repo.FindPerson(id, name)
	if err != nil {
		return err
	}
	if role := id.People[i].Role; role != refs.Reader {
		return usage("constl maintainer remove "+name, "%s is more than a reader: a %s", diffview.Line(name), role)
	}
	return r.RemovePerson(c.ctx(), id, name)
}

func (c *command) listReaders(r *repo.Repo) error {
	chain, err := r.Chain()
	if err != nil {
		return err
	}
	id := chain.Current()
	private := id.Audience == refs.PeopleOnly
	if c.asJSON() {
		return c.printJSON(struct {
			Private bool          `json:"private"`
			Readers []personEntry `json:"readers"`
		}{private, identityOf(chain, nil).People})
	}
	if !private {
		c.print("Everyone may read it; to change that: constl reader only-listed\n")
		return nil
	}
	c.print("Only these may read it:\n")
	for _, p := range id.People {
		c.print("  %s (%s)\n", diffview.Line(p.Name), p.Role)
		for _, d := range p.Devices {
			c.print("    %s\n", repo.DeviceText(d))
		}
	}
	return nil
}
