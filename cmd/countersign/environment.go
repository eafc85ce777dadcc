package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// environment is all that a command knows of the world outside: nothing else in
// this program looks at the process's arguments, variables or streams.
type environment struct {
	// Program is how the user called it.
	Program string
	Args    []string // without the program
	Environ []string // NAME=value
	// ConfigDir is where a user's own files are kept.
	ConfigDir func() (string, error)
	Stdin     io.Reader
	Stdout    io.Writer // interaction and results
	Stderr    io.Writer // logs, errors and hints
}

// run runs the command that Args name until it ends or a signal ends it, and
// gives the exit code.
func run(env *environment) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal is not waited for.
	forget := context.AfterFunc(ctx, stop)
	defer forget()
	if err := newRoot(env).ExecuteContext(ctx); err != nil {
		env.complain(err)
		return 1
	}
	return 0
}

// newRoot is the whole command line.
func newRoot(env *environment) *cobra.Command {
	root := group("countersign", "Countersign, a self-hosted login and approval server",
		newServe(env), newDev(env), newTry(env), newPhone(env), newUser(env), newAdmin(env), newKeys(env), newToken(env), newProof(env), newService(env), newFlow(env), newConfig(env),
		newHealthcheck(env), newBench(env), newVersion(env),
	)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetUsageTemplate(usageTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hint(err, "%s --help lists the flags", cmd.CommandPath())
	})
	return root
}

// usageTemplate prints a command's use as the rest of the output looks. A command
// that has commands below it and yet does something by itself is annotated alone.
const usageTemplate = `usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}
{{- if index .Annotations "alone"}}
  {{.UseLine}}{{end}}
{{- if .HasAvailableSubCommands}}

commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasExample}}

examples:
{{.Example}}{{end}}
{{- if .HasAvailableLocalFlags}}

flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}
{{- if .HasAvailableSubCommands}}
"{{.CommandPath}} COMMAND --help" tells more about a command.{{end}}
`

// group is a command that only has commands below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noCommand, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(commands...)
	return cmd
}

// noCommand refuses the name of a command that does not exist.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := failf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return hint(err, "did you mean %s %s?", cmd.CommandPath(), near[0])
	}
	return hint(err, "%s --help lists the commands", cmd.CommandPath())
}

// variable is the value of an environment variable; empty: not set.
func (env *environment) variable(name string) string {
	for _, v := range slices.Backward(env.Environ) {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// colourful says whether w may be written colours to (https://no-color.org).
func (env *environment) colourful(w io.Writer) bool {
	return isTerminal(w) && env.variable("NO_COLOR") == "" && env.variable("TERM") != "dumb"
}

// isTerminal says whether somebody reads w as it is written. The null device is
// a character device too.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// invocation is what to type to call this program again.
func (env *environment) invocation() string {
	switch {
	case strings.Contains(env.Program, string(filepath.Separator)+"go-build"):
		return "go run ./cmd/countersign"
	case env.Program == "":
		return "countersign"
	}
	return env.Program
}
