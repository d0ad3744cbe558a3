package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/constl/constl/internal/cite"
)

// play tells the story from its beginning to its end.
func (t *tour) play() error {
	fmt.Fprintln(t.out, t.c.style(bold, "A tour of constl: two people, one table"))
	t.say("Every command below is really run, on a real list of 236 desert plants. " +
		"Nothing leaves this computer, and all files are in " + t.dir)
	for _, scene := range []func() error{
		t.begin, t.change, t.share, t.together, t.quarrel, t.handBack, t.publish, t.live, t.prove,
	} {
		if err := scene(); err != nil {
			return err
		}
	}
	if err := t.wait(); err != nil {
		return err
	}
	t.goOn()
	return nil
}

// all runs the acts of a scene until one fails.
func all(acts ...func() error) error {
	for _, act := range acts {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

// by returns the act of a person who types a command that succeeds.
func (t *tour) by(p *person, args ...string) func() error {
	return func() error {
		_, err := t.types(p, exitDone, args...)
		return err
	}
}

// editBy returns the act of a person who changes a cell.
func (t *tour) editBy(p *person, key, column, value string) func() error {
	return func() error { return t.edit(p, key, column, value) }
}

func (t *tour) begin() error {
	if err := t.step("Make a dataset", "Ana keeps the list in plants.csv. She makes a dataset of the folder that it is in, "+
		"and records it: that is a commit. Her files stay ordinary files."); err != nil {
		return err
	}
	return all(
		t.by(t.ana, "config", "--global", "user.name", t.ana.name),
		t.by(t.ana, "init", "--name", "desert-plants"),
		t.by(t.ana, "commit", "-m", "Plant list of 2019"),
	)
}

func (t *tour) change() error {
	if err := t.step("Change a cell", "A genus is misspelt. Ana mends it in her spreadsheet, looks at what is different, and records that, too."); err != nil {
		return err
	}
	return all(
		t.editBy(t.ana, "dich pulc", "genus", "Dichelostemma"),
		t.by(t.ana, "status"),
		t.by(t.ana, "diff"),
		t.by(t.ana, "commit", "-m", "Mend the name of a genus"),
	)
}

func (t *tour) share() error {
	if err := t.step("Give it to others", "There is no server to sign up at: Ana's own computer hands the dataset to whoever has its address. "+
		"Ben takes a full copy, a clone, and checks every byte of it on the way."); err != nil {
		return err
	}
	err := all(
		func() error { return t.serve(t.ana) },
		t.by(t.ben, "config", "--global", "user.name", t.ben.name),
		func() error { return t.by(t.ben, "clone", t.ana.url, "plants")() },
	)
	t.ben.dir = filepath.Join(t.ben.dir, "plants")
	return err
}

func (t *tour) together() error {
	if err := t.step("Work at the same time", "Now both edit their own copies: different rows, and different cells of the row \"pani ariz\". "+
		"Ben pulls what Ana did, and the two are merged cell by cell."); err != nil {
		return err
	}
	return all(
		t.editBy(t.ana, "pani ariz", "genus", "Urochloa"),
		t.editBy(t.ana, "acac cons", "genus", "Vachellia"),
		t.by(t.ana, "commit", "-m", "Genera as of 2021"),
		t.editBy(t.ben, "pani ariz", "altspecies", "arizonica"),
		func() error {
			return t.add(t.ben, "pros velu", "sphi vern,Sphinctospermum,,constrictum,,,Hourglass peaseed,Leguminosae,Annual,Summer Annual")
		},
		t.by(t.ben, "commit", "-m", "A new species, and a former name"),
		t.by(t.ben, "pull"),
		t.by(t.ben, "diff", "HEAD~2"),
	)
}

func (t *tour) quarrel() error {
	if err := t.step("Disagree", "Both change the very same cell. Nobody's value is dropped in silence: "+
		"the pull stops at that one cell, and Ben decides. (Exit code 1 tells scripts of it.)"); err != nil {
		return err
	}
	return all(
		t.editBy(t.ana, "acac greg", "genus", "Mimosa"),
		t.by(t.ana, "commit", "-m", "Catclaw is a Mimosa"),
		t.editBy(t.ben, "acac greg", "genus", "Senegalia"),
		t.by(t.ben, "commit", "-m", "Catclaw is a Senegalia"),
		func() error { _, err := t.types(t.ben, exitFound, "pull"); return err },
		t.by(t.ben, "resolve", "plants.csv", "--key", "acac greg", "--column", "genus", "--ours"),
		t.by(t.ben, "commit", "-m", "Merge; Senegalia it is"),
	)
}

func (t *tour) handBack() error {
	if err := t.step("Take a contribution", "Ben is no maintainer, so nobody gets his changes unasked. "+
		"He serves his copy; Ana takes it by its address, and it becomes part of the dataset."); err != nil {
		return err
	}
	return all(
		func() error { return t.serve(t.ben) },
		func() error { return t.by(t.ana, "pull", t.ben.url)() },
		t.by(t.ana, "log", "--oneline"),
	)
}

func (t *tour) publish() error {
	if err := t.step("Cite an exact version", "Ana names this version v1.0 and cites it in a paper. The long number is the hash of all data in it."); err != nil {
		return err
	}
	if err := t.by(t.ana, "tag", "v1.0", "-m", "As in our paper")(); err != nil {
		return err
	}
	text, err := t.types(t.ana, exitDone, "cite", "v1.0")
	if err != nil {
		return err
	}
	dataset, commit, err := cite.Find(text)
	if err != nil {
		return errors.Join(errors.New("the tour ends here: the citation names no exact version"), err)
	}
	t.version = cite.Exact(dataset, commit)
	return nil
}

func (t *tour) live() error {
	if err := t.step("Go on", "The dataset lives on after the paper. Ben's clone follows with a pull; only what changed is sent."); err != nil {
		return err
	}
	return all(
		t.editBy(t.ana, "cryp micr", "genus", "Eremocarya"),
		t.editBy(t.ana, "hoff dens", "genus", "Hoffmannseggia"),
		t.by(t.ana, "commit", "-m", "Two more genera"),
		t.by(t.ben, "pull"),
	)
}

func (t *tour) prove() error {
	if err := t.step("Prove a citation", "Somebody reads the paper. Whoever has a clone can prove, alone and years later, "+
		"that it holds exactly what was cited, though the table has changed since."); err != nil {
		return err
	}
	return all(
		func() error { return t.by(t.ben, "verify", t.version)() },
		t.by(t.ben, "diff", "v1.0", "HEAD"),
	)
}

// goOn says how to play on.
func (t *tour) goOn() {
	set := "export CONSTL_HOME="
	if runtime.GOOS == "windows" {
		set = "$env:CONSTL_HOME = "
	}
	fmt.Fprintf(t.out, "\n%s\n", t.c.style(bold, "Now you"))
	t.say("Both folders are yours to play with. Delete " + t.dir + " when you have done: nothing was written elsewhere.")
	for _, p := range []*person{t.ana, t.ben} {
		fmt.Fprintf(t.out, "\n  To be %s:\n    %s\"%s\"\n    cd \"%s\"\n", p.name, set, p.home, p.dir)
	}
	fmt.Fprintf(t.out, "\n  Ana serves again:     %s\n  Ben gets what is new: constl pull\n  All commands:         constl help\n",
		commandLine([]string{"serve", "--listen", t.ana.listen}))
	fmt.Fprintf(t.out, "  No constl yet?        go install github.com/constl/constl/cmd/constl@latest\n")
}
