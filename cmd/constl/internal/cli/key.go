package cli

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/constl/constl/internal/keyfile"
	"github.com/constl/constl/internal/qr"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/refs"
	"github.com/urfave/cli/v2"
)

func (a *app) keyCommand() *cli.Command {
	return &cli.Command{
		Name: "key", Category: groupPeople, ArgsUsage: "[show | export FILE | import FILE | rotate | revoke KEY | use KEY | recovery …]",
		Usage: "show, save or renew this device's key, by which others know it",
		Description: "show             this device's key: what others need to list you (--qr draws it)\n" +
			"export FILE      save the key, encrypted with a passphrase, to move it to a new computer\n" +
			"import FILE      take the key from such a file, or from an OpenSSH Ed25519 key (--replace)\n" +
			"rotate           give this device a new key, here and then in each other dataset of yours\n" +
			"revoke KEY       end what a lost device can sign (KEY or its name; see constl device list)\n" +
			"use KEY          let an Ed25519 key of your ssh-agent sign commits and refs; device: this device's own\n" +
			"                 Connections are still made with the device's key, so list both: constl device add KEY\n" +
			"recovery add FILE          make a recovery key, for a safe place: it stands in for lost devices\n" +
			"recovery use FILE NAME     put this device in the place of all devices that NAME has lost\n" +
			"recovery remove KEY        a recovery key counts no more\n" +
			"recovery threshold N       so many of the recovery keys are needed\n" +
			"Never use one key on two computers: add the second one with constl device add.\n" +
			"JSON: of show and use {\"key\",\"signs\"}; of import {\"key\"}; of export {\"file\"}; of changes as constl maintainer",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "passphrase-file", Usage: "read the passphrase from the first line of `FILE` (- is standard input)"},
			&cli.BoolFlag{Name: "replace", Usage: "import: keep the key that is here among the former ones"},
			&cli.BoolFlag{Name: "qr", Usage: "show: draw the key as a QR code, too"},
			&cli.BoolFlag{Name: "light", Usage: "draw it for a light terminal"},
			&cli.StringSliceFlag{Name: "with", Usage: "recovery use: a further recovery key, in `FILE`"},
		},
		Action: a.action(runKey),
	}
}

func runKey(c *command) error {
	words := c.words()
	if len(words) == 0 {
		words = []string{"show"}
	}
	verb, args := words[0], words[1:]
	if verb == "recovery" {
		return c.recovery(args)
	}
	takes := map[string][2]int{"show": {0, 0}, "export": {1, 1}, "import": {1, 1}, "rotate": {0, 0}, "revoke": {1, 1}, "use": {1, 1}}
	if err := c.verb(verb, args, takes); err != nil {
		return err
	}
	switch verb {
	case "export":
		return c.exportKey(args[0])
	case "import":
		return c.importKey(args[0])
	case "rotate":
		return c.rotateKey()
	case "revoke":
		return c.removeDevice(args[0])
	case "use":
		return c.useKey(args[0])
	}
	return c.showKey()
}

func (c *command) showKey() error {
	key, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	s, err := settings.Open(c.env.Home, "")
	if err != nil {
		return err
	}
	signs := key.PeerID().String()
	if text, ok := s.Get(settings.SigningKey); ok {
		signs = text
	}
	if c.asJSON() {
		return c.printJSON(map[string]string{"key": key.PeerID().String(), "signs": signs})
	}
	c.print("%s\n", key.PeerID())
	if signs != key.PeerID().String() {
		c.print("%s  signs, in your ssh-agent\n", signs)
	}
	c.note("Give it to a maintainer, who lists you with: constl maintainer add NAME KEY\n")
	if c.Bool("qr") {
		return c.printQR(key.PeerID().String())
	}
	return nil
}

// printQR draws a text for a camera. It should be the last that a command prints, so
// that nothing moves the code out of sight.
func (c *command) printQR(text string) error {
	drawn, err := qr.Terminal(text, c.Bool("light"))
	if err != nil {
		return err
	}
	if lines, columns, err := qr.Size(text); err == nil && !qr.Fits(text) {
		c.note("The code takes %d lines and %d columns: make the window that large, or its letters smaller;\n"+
			"or give the text of it: the same command without --qr\n", lines+1, columns)
	}
	c.print("%s", drawn)
	return nil
}

// passphrase reads a passphrase from the file that the options name, or asks for
// it, twice if it is a new one.
func (c *command) passphrase(prompt string, isNew bool) (string, error) {
	if file := c.String("passphrase-file"); file != "" {
		return c.readPassphrase(file)
	}
	if c.env.Password == nil {
		return "", usage("constl help key", "a passphrase is needed, and there is no terminal to ask for it: name a file with --passphrase-file")
	}
	word, err := c.env.Password(prompt + ": ")
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	if isNew {
		again, err := c.env.Password("Once more: ")
		if err != nil {
			return "", fmt.Errorf("reading the passphrase: %w", err)
		}
		if again != word {
			return "", usage("constl help key", "the two passphrases differ; nothing was written")
		}
	}
	return notEmpty(word)
}

func (c *command) readPassphrase(file string) (string, error) {
	data, err := os.ReadFile(c.env.path(file))
	if file == "-" {
		data, err = io.ReadAll(io.LimitReader(c.env.Stdin, 1<<16))
	}
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return notEmpty(strings.TrimSuffix(line, "\r"))
}

func notEmpty(word string) (string, error) {
	if word == "" {
		return "", usage("constl help key", "the passphrase is empty")
	}
	return word, nil
}

func (c *command) exportKey(file string) error {
	key, err := refs.OpenKey(c.ctx(), c.env.Home)
	if err != nil {
		return err
	}
	if err := c.sealKey(file, key); err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(map[string]string{"file": file})
	}
	c.print("Saved the key %s, encrypted, in %s\n", key.PeerID().Short(), file)
	c.note("Take it in on the new computer with: constl key import FILE. Then use it there only.\n")
	return nil
}

// sealKey writes the key, encrypted, into a file that is not there yet.
func (c *command) sealKey(file string, key *refs.Key) error {
	path := c.env.path(file)
	if _, err := os.Lstat(path); err == nil {
		return usage("constl help key", "%s is there already; name a new file", file)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("saving the key: %w", err)
	}
	word, err := c.passphrase("Passphrase for "+file, true)
	if err != nil {
		return err
	}
	data, err := keyfile.Seal(key, word, 0)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("saving the key: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("saving the key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func (c *command) readKeyFile(file string) (*refs.Key, error) {
	data, err := os.ReadFile(c.env.path(file))
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	key, err := keyfile.Read(data, func() (string, error) { return c.passphrase("Passphrase of "+file, false) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

func (c *command) importKey(file string) error {
	there, err := refs.HasKey(c.env.Home)
	if err != nil {
		return err
	}
	if there && !c.Bool("replace") {
		return usage("constl key import FILE --replace", "this device has a key; with --replace the new one takes its place, and the old one is kept")
	}
	key, err := c.readKeyFile(file)
	if err != nil {
		return err
	}
	if err := refs.ReplaceKey(c.ctx(), c.env.Home, key); err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(map[string]string{"key": key.PeerID().String()})
	}
	c.print("This device's key is now %s\n", key.PeerID())
	c.note("Do not use it on another computer any more: add a second computer with constl device add.\n")
	return nil
}

func (c *command) rotateKey() error {
	err := c.open(func(r *repo.Repo) error {
		ch, err := r.RotateKey(c.ctx())
		if err != nil {
			return err
		}
		if err := c.printChange(ch); err != nil {
			return err
		}
		c.note("In each other dataset of yours, run constl key rotate, too; until then it knows this device by its old key.\n")
		return nil
	})
	if !errors.Is(err, repo.ErrNotDataset) {
		return err
	}
	key, err := refs.NewKey()
	if err != nil {
		return err
	}
	if err := refs.ReplaceKey(c.ctx(), c.env.Home, key); err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(map[string]string{"key": key.PeerID().String()})
	}
	c.print("This device's key is now %s\n", key.PeerID())
	c.note("Run constl key rotate in each of your datasets, so that it learns of it.\n")
	return nil
}

func (c *command) useKey(text string) error {
	s, err := settings.Open(c.env.Home, "")
	if err != nil {
		return err
	}
	if text == "device" {
		if err := s.SetOwn(settings.SigningKey, ""); err != nil {
			return err
		}
		return c.showKey()
	}
	keys, err := keyfile.AgentKeys(c.ctx())
	if err != nil {
		return err
	}
	var fit []*keyfile.AgentKey
	for _, k := range keys {
		if k.Comment == text || len(text) >= 6 && strings.HasPrefix(k.PeerID().String(), text) {
			fit = append(fit, k)
		}
	}
	if len(fit) != 1 {
		var names []string
		for _, k := range keys {
			names = append(names, fmt.Sprintf("%s (%s)", k.PeerID().Short(), k.Comment))
		}
		return usage("ssh-add -l", "expected one Ed25519 key of the ssh-agent, found %d that fit %q; it has: %s", len(fit), text, strings.Join(names, ", "))
	}
	if err := s.SetOwn(settings.SigningKey, fit[0].PeerID().String()); err != nil {
		return err
	}
	if c.asJSON() {
		return c.showKey()
	}
	c.print("Your ssh-agent's key %s signs from now on\n", fit[0].PeerID())
	c.note("List it in each of your datasets: constl device add %s --name ssh-agent\n", fit[0].PeerID())
	return nil
}

func (c *command) recovery(words []string) error {
	if len(words) == 0 {
		return usage("constl help key", "expected constl key recovery add, use, remove or threshold")
	}
	verb, args := words[0], words[1:]
	takes := map[string][2]int{"add": {1, 1}, "use": {2, 2}, "remove": {1, 1}, "threshold": {1, 1}}
	if err := c.verb(verb, args, takes); err != nil {
		return err
	}
	switch verb {
	case "add":
		return c.addRecovery(args[0])
	case "use":
		return c.useRecovery(args[0], args[1])
	case "remove":
		return c.changeIdentity(func(_ *repo.Repo, id *refs.Identity) error { return repo.RemoveRecovery(id, args[0]) })
	}
	var n int
	if _, err := fmt.Sscanf(args[0], "%d", &n); err != nil || n < 1 {
		return usage("constl key recovery threshold 1", "expected how many recovery keys are needed, found %q", args[0])
	}
	return c.changeIdentity(func(_ *repo.Repo, id *refs.Identity) error {
		if have := len(id.Recovery.Keys); n > have {
			return usage("constl key recovery add FILE", "%d recovery keys cannot be needed, there are %d", n, have)
		}
		id.Recovery.Threshold = n
		return nil
	})
}

func (c *command) addRecovery(file string) error {
	return c.open(func(r *repo.Repo) error {
		key, err := refs.NewKey()
		if err != nil {
			return err
		}
		// First the file: a key that nobody holds would be of no use.
		if err := c.sealKey(file, key); err != nil {
			return err
		}
		ch, err := r.ChangeIdentity(c.ctx(), func(id *refs.Identity) error { return repo.AddRecovery(id, key.PeerID()) })
		if err != nil {
			return errors.Join(err, os.Remove(c.env.path(file)))
		}
		if err := c.printChange(ch); err != nil {
			return err
		}
		c.note("Keep %s away from your devices, on paper or a stick in a drawer, and the passphrase elsewhere.\n", file)
		return nil
	})
}

func (c *command) useRecovery(file, person string) error {
	var keys []crypto.Signer
	for _, name := range append([]string{file}, c.StringSlice("with")...) {
		key, err := c.readKeyFile(name)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	return c.open(func(r *repo.Repo) error {
		ch, err := r.Recover(c.ctx(), person, keys...)
		if err != nil {
			return err
		}
		return c.printChange(ch)
	})
}
