package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/diffview"
	"github.com/urfave/cli/v2"
)

// app builds the command line for one environment.
type app struct {
	env Env
}

// Main runs the command line args, of which the first is the program's name, and
// returns the exit code. It prints errors itself.
func Main(ctx context.Context, env Env, args []string) int {
	env.Stdout, env.Stderr = shared(env.Stdout), shared(env.Stderr)
	a := &app{env: env}
	err := a.run(ctx, args)
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errFound) {
		return exitFound
	}
	if ctx.Err() != nil {
		err = interrupted(err)
	}
	a.report(err, slices.Contains(args, "--json"))
	return exitCode(err)
}

func (a *app) run(ctx context.Context, args []string) error {
	lib := a.library()
	return lib.RunContext(ctx, permute(lib, args))
}

// report prints an error: what was tried, what was found, and what to try next.
func (a *app) report(err error, asJSON bool) {
	text, next := err.Error(), hint(err)
	if asJSON {
		c := &command{env: a.env}
		c.env.Stdout = a.env.Stderr
		_ = c.printJSON(struct {
			Error string `json:"error"`
			Hint  string `json:"hint,omitempty"`
			Code  int    `json:"code"`
		}{text, next, exitCode(err)})
		return
	}
	fmt.Fprintf(a.env.Stderr, "constl: %s\n", safe(text))
	if next != "" {
		fmt.Fprintf(a.env.Stderr, "  try: %s\n", next)
	}
}

// safe makes a text that strangers may have had a part in printable, line by line.
func safe(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = diffview.Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// The groups in which help shows the commands, by task.
const (
	groupStart    = "1. Start a dataset, or get one"
	groupRecord   = "2. Record what you have"
	groupLook     = "3. Look at it"
	groupHistory  = "4. Go through history"
	groupTogether = "5. Work together"
	groupPeople   = "6. People, keys and trust"
	groupCite     = "7. Cite and check"
	groupSettings = "8. Settings and help"
)

const description = `A dataset is a folder of ordinary files. constl records it, understands its
tables row by row and cell by cell, and exchanges it with anyone who has it.
New here? Try: constl tour

REV names a version: an id or its first 6 or more digits, a branch, a tag,
REMOTE/BRANCH, HEAD, REV~2 (two commits before), REV@{2026-11-01} (that day).

Exit codes: 0 done; 1 conflicts, differences under --exit-code, or another
failure; 2 wrong usage; 3 damaged or untrusted data; 4 network.`

func (a *app) library() *cli.App {
	lib := a.bareLibrary()
	plain(lib.Flags)
	for _, c := range lib.Commands {
		plain(c.Flags)
	}
	return lib
}

// plain keeps "(default: false)" out of the help.
func plain(flags []cli.Flag) {
	for _, f := range flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
}

func (a *app) bareLibrary() *cli.App {
	return &cli.App{
		Name:                 "constl",
		Usage:                "Git for scientific tables, without a server",
		Description:          description,
		UsageText:            "constl [-C DIR] COMMAND [OPTIONS] [ARGUMENTS]",
		HideVersion:          true,
		HideHelp:             true, // the library's own is one variable for all that run at once
		EnableBashCompletion: true,
		// A comma in an option that may be repeated is a comma: "Doe, Jane".
		DisableSliceFlagSeparator: true,
		Writer:                    a.env.Stdout,
		ErrWriter:                 a.env.Stderr,
		Reader:                    a.env.Stdin,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		Action:                    a.noCommand,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "directory", Aliases: []string{"C"}, Usage: "work in `DIR` instead of here"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show neither progress nor remarks"},
			&cli.BoolFlag{Name: "no-color", Usage: "use no colours (NO_COLOR does the same)"},
			helpFlag(),
		},
		Commands: a.commands(),
	}
}

func (a *app) commands() []*cli.Command {
	list := []*cli.Command{
		a.initCommand(), a.cloneCommand(),
		a.statusCommand(), a.commitCommand(), a.restoreCommand(),
		a.diffCommand(), a.logCommand(), a.showCommand(), a.catCommand(), a.blameCommand(),
		a.describeCommand(), a.schemaCommand(), a.exportCommand(),
		a.checkoutCommand(), a.switchCommand(), a.branchCommand(), a.tagCommand(),
		a.serveCommand(), a.shareCommand(), a.bundleCommand(), a.fetchCommand(), a.pullCommand(), a.pushCommand(),
		a.mergeCommand(), a.cherryPickCommand(), a.revertCommand(), a.conflictsCommand(), a.resolveCommand(),
		a.proposeCommand(), a.proposalsCommand(), a.reviewCommand(), a.acceptCommand(), a.declineCommand(),
		a.mergeFileCommand(), a.gitDriverCommand(),
		a.maintainerCommand(), a.readerCommand(), a.deviceCommand(), a.keyCommand(),
		a.citeCommand(), a.fingerprintCommand(), a.validateCommand(), a.verifyCommand(), a.fsckCommand(), a.gcCommand(),
		a.tourCommand(), a.configCommand(), a.completionCommand(), a.versionCommand(), a.helpCommand(),
	}
	for _, c := range list {
		c.OnUsageError, c.HideHelp = onUsageError, true
		c.Flags = append(c.Flags, &cli.BoolFlag{Name: "json", Usage: "answer in JSON, for scripts"}, helpFlag())
	}
	return list
}

func (a *app) noCommand(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowAppHelp(c)
	}
	return a.unknownCommand(c, c.Args().First())
}

func (a *app) unknownCommand(c *cli.Context, name string) error {
	next := "constl help"
	for _, known := range c.App.Commands {
		if close := strings.HasPrefix(known.Name, name) || strings.HasPrefix(name, known.Name); close {
			next = "constl " + known.Name
		}
	}
	return usage(next, "there is no command %q", name)
}

func helpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show what this is and what it takes"}
}

func (a *app) helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Category: groupSettings, ArgsUsage: "[COMMAND]",
		Usage: "show all commands, or what one of them takes",
		Action: a.action(func(c *command) error {
			args, err := c.arguments(0, 1)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return cli.ShowAppHelp(c.Context)
			}
			if find(c.App.Commands, args[0]) == nil {
				return a.unknownCommand(c.Context, args[0])
			}
			return cli.ShowCommandHelp(c.Context, args[0])
		}),
	}
}

func onUsageError(c *cli.Context, err error, _ bool) error {
	next := "constl help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		next += " " + c.Command.Name
	}
	return usage(next, "%s", err)
}

// arguments checks how many arguments there are, and returns them.
func (c *command) arguments(least, most int) ([]string, error) {
	args := c.words()
	if len(args) < least || most >= 0 && len(args) > most {
		return nil, usage("constl help "+c.Command.Name, "constl %s takes %s, found %d argument(s)", c.Command.Name, c.Command.ArgsUsage, len(args))
	}
	return args, nil
}

// words returns the arguments without the "--" that keeps them apart from options.
func (c *command) words() []string {
	return slices.DeleteFunc(slices.Clone(c.Args().Slice()), func(arg string) bool { return arg == "--" })
}
