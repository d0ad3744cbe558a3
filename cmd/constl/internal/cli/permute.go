package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// permute puts the options of a command before its arguments, since the library
// reads none behind the first argument and people write them there: constl cite
// v1 --format bibtex. What stands behind "--" is never an option.
func permute(lib *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	flags, commands := lib.Flags, lib.Commands
	out := args[:1:1]
	rest := args[1:]
	for {
		options, arguments := split(flags, rest, len(commands) > 0)
		out = append(out, options...)
		if len(arguments) == 0 {
			return out
		}
		command := find(commands, arguments[0])
		if command == nil {
			return append(out, arguments...)
		}
		out = append(out, arguments[0])
		rest = arguments[1:]
		flags = slices.Concat(command.Flags, lib.Flags)
		commands = command.Subcommands
	}
}

// split parts args into options with their values, and arguments. With
// firstOnly it stops at the first argument, which names a command.
func split(flags []cli.Flag, args []string, firstOnly bool) (options, arguments []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return options, append(arguments, args[i:]...)
		case len(arg) < 2 || arg[0] != '-':
			if firstOnly {
				return options, args[i:]
			}
			arguments = append(arguments, arg)
			continue
		}
		options = append(options, arg)
		if takesValue(flags, arg) && i+1 < len(args) {
			i++
			options = append(options, args[i])
		}
	}
	return options, arguments
}

// takesValue reports whether an option's value is the next word.
func takesValue(flags []cli.Flag, option string) bool {
	name := strings.TrimLeft(option, "-")
	if strings.Contains(name, "=") {
		return false
	}
	if !strings.HasPrefix(option, "--") {
		name = name[len(name)-1:] // of several short options in one word, the last can take a value
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			doc, ok := f.(cli.DocGenerationFlag)
			return ok && doc.TakesValue()
		}
	}
	return false
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}
