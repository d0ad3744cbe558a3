package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// permute puts the options of a command before its arguments, and the options of
// every command before the command, since the library reads none elsewhere and
// people write them there: constl cite v1 --format bibtex --quiet. What stands
// behind "--" is never an option, and a request for completions stays last.
func permute(lib *cli.App, args []string) []string {
	if len(args) == 0 || args[len(args)-1] == "--generate-bash-completion" {
		return args
	}
	before, rest := split(lib.Flags, args[1:], true)
	if len(rest) == 0 {
		return slices.Concat(args[:1], before)
	}
	command := find(lib.Commands, rest[0])
	if command == nil {
		return slices.Concat(args[:1], before, rest)
	}
	options, arguments := split(slices.Concat(command.Flags, lib.Flags), rest[1:], false)
	var own []string
	for i := 0; i < len(options); i++ {
		word := options[i : i+1]
		if takesValue(command.Flags, options[i]) || takesValue(lib.Flags, options[i]) && i+1 < len(options) {
			word = options[i:min(i+2, len(options))]
		}
		i += len(word) - 1
		if flagOf(command.Flags, word[0]) == nil && flagOf(lib.Flags, word[0]) != nil {
			before = append(before, word...)
		} else {
			own = append(own, word...)
		}
	}
	if slices.Contains(own, "--help") || slices.Contains(own, "-h") {
		// The library would look for help on the first argument.
		own, arguments = []string{"--help"}, nil
	}
	if slices.Contains(arguments, "--") {
		// The library takes one away if nothing stands before it.
		own = append(own, "--")
	}
	return slices.Concat(args[:1], before, rest[:1], own, arguments)
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
	if strings.Contains(option, "=") {
		return false
	}
	doc, ok := flagOf(flags, option).(cli.DocGenerationFlag)
	return ok && doc.TakesValue()
}

// flagOf returns the flag that a word as -m, --message or --message=x sets, or nil.
func flagOf(flags []cli.Flag, option string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(option, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}
