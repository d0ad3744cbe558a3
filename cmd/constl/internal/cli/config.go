package cli

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/constl/constl/internal/bounds"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/urfave/cli/v2"
)

// version is the version of the program. The formats have versions of their own.
const version = "0.1.0"

func (a *app) configCommand() *cli.Command {
	return &cli.Command{
		Name: "config", Category: groupSettings, ArgsUsage: "[NAME [VALUE]]",
		Usage: "show or change settings: user.name, user.orcid, validate.on, remote.NAME.url, disk.floor, serve.…",
		Description: "Without --global a value is for the dataset here alone.\n" +
			"validate.on says when tables are validated by themselves, so that nothing invalid comes in: some of\n" +
			"  commit  before each commit\n" +
			"  accept  before the commit that resolves a proposal's conflicts; other proposals are always validated\n" +
			"  pull    before what was pulled is taken into the folder, or committed after its conflicts\n" +
			"with commas between them. commit and pull take it all the same with --no-validate.\n" +
			settingsTable() + "JSON: {NAME: VALUE}",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "global", Usage: "set the value for all your datasets"},
			&cli.BoolFlag{Name: "unset", Usage: "take the value away"},
		},
		Action: a.action(runConfig),
	}
}

// settingsTable lists the settings of serve, and of the disk, with their defaults.
func settingsTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "disk.floor is how much of the disk clone, pull and fetch leave free. What bounds constl serve can be set, too; its\n"+
		"options come first. A dataset may have its own value of those with a star.\n")
	fmt.Fprintf(&b, "  %-26s %-12s %s\n", "setting", "default", "")
	for _, bound := range bounds.All() {
		star := ""
		if bound.Dataset {
			star = " *"
		}
		fmt.Fprintf(&b, "  %-26s %-12s %s%s\n", bound.Setting, bound.Format(bound.Default), bound.Usage, star)
	}
	fmt.Fprintf(&b, "  %-26s %-12s %s\n", settings.AcceptProposals, "", "what becomes of the proposals of others: "+strings.Join(settings.ProposalWords(), ", ")+" *")
	return b.String()
}

func runConfig(c *command) error {
	args, err := c.arguments(0, 2)
	if err != nil {
		return err
	}
	r, err := repo.Open(c.ctx(), c.env.path("."), c.options(nil))
	var s *settings.Settings
	switch {
	case err == nil:
		defer r.Close()
		s = r.Settings()
	case errors.Is(err, repo.ErrNotDataset) && (c.Bool("global") || len(args) < 2 && !c.Bool("unset")):
		if s, err = settings.Open(c.env.Home, ""); err != nil {
			return err
		}
	default:
		return err
	}
	switch {
	case len(args) == 0:
		return c.listSettings(s)
	case len(args) == 2 || c.Bool("unset"):
		value := ""
		if len(args) == 2 {
			value = args[1]
		}
		if c.Bool("global") {
			return s.SetOwn(args[0], value)
		}
		return s.SetLocal(args[0], value)
	}
	value, ok := s.Get(args[0])
	if c.asJSON() {
		return c.printJSON(map[string]string{args[0]: value})
	}
	if !ok {
		return errFound
	}
	c.print("%s\n", value)
	return nil
}

func (c *command) listSettings(s *settings.Settings) error {
	if c.asJSON() {
		values := make(map[string]string)
		for _, v := range s.All() {
			values[v[0]] = v[1]
		}
		return c.printJSON(values)
	}
	for _, v := range s.All() {
		c.print("%s = %s\n", v[0], v[1])
	}
	return nil
}

func (a *app) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Category: groupSettings, ArgsUsage: "no arguments",
		Usage:       "print the version of constl",
		Description: "JSON: {\"version\", \"go\"}",
		Action: a.action(func(c *command) error {
			built := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				built = info.GoVersion
			}
			if c.asJSON() {
				return c.printJSON(map[string]string{"version": version, "go": built})
			}
			c.print("constl %s (%s)\n", version, built)
			return nil
		}),
	}
}

func (a *app) completionCommand() *cli.Command {
	return &cli.Command{
		Name: "completion", Category: groupSettings, ArgsUsage: "bash, zsh, fish or powershell",
		Usage: "print what makes a shell complete constl's commands and options",
		Description: "bash: constl completion bash > ~/.local/share/bash-completion/completions/constl\n" +
			"zsh:  constl completion zsh > \"${fpath[1]}/_constl\"\n" +
			"fish: constl completion fish > ~/.config/fish/completions/constl.fish\n" +
			"PowerShell: constl completion powershell >> $PROFILE",
		Action: a.action(runCompletion),
	}
}

func runCompletion(c *command) error {
	args, err := c.arguments(1, 1)
	if err != nil {
		return err
	}
	script, ok := completionScripts[args[0]]
	if !ok {
		return usage("constl completion bash", "there is no completion for %q; there are bash, zsh, fish and powershell", args[0])
	}
	c.print("%s", script)
	return nil
}

// completionScripts ask the program itself what may follow.
var completionScripts = map[string]string{
	"bash": `_constl() {
  local words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
  local last="${COMP_WORDS[$COMP_CWORD]}"
  [[ $last == -* ]] && words+=("$last")
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$last"))
}
complete -o bashdefault -o default -F _constl constl
`,
	"zsh": `#compdef constl
_constl() {
  local -a words_so_far options
  words_so_far=("${(@)words[1,$CURRENT-1]}")
  [[ ${words[$CURRENT]} == -* ]] && words_so_far+=("${words[$CURRENT]}")
  options=("${(@f)$("${words_so_far[@]}" --generate-bash-completion 2>/dev/null)}")
  compadd -- $options
  _files
}
compdef _constl constl
`,
	"fish": `function __constl_complete
  set -l words (commandline -opc)
  set -l last (commandline -ct)
  string match -q -- '-*' $last; and set -a words $last
  $words[1] $words[2..] --generate-bash-completion 2>/dev/null
end
complete -c constl -a '(__constl_complete)'
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName constl -ScriptBlock {
  param($word, $ast, $position)
  $words = $ast.CommandElements | ForEach-Object { $_.ToString() }
  if (-not $word.StartsWith('-') -and $word -ne '') { $words = $words | Select-Object -SkipLast 1 }
  & $words[0] $words[1..$words.Count] --generate-bash-completion 2>$null |
    Where-Object { $_ -like "$word*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`,
}
