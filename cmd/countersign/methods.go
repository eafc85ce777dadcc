package main

import (
	"io"
	"slices"
	"strings"

	"countersign/operation"

	"github.com/spf13/cobra"
)

// methodFlags say which ways to approve are to be switched off, and which on.
type methodFlags struct{ off, on []string }

func newMethodFlags(cmd *cobra.Command) *methodFlags {
	f := &methodFlags{}
	cmd.Flags().StringSliceVar(&f.off, "off", nil, "switch this `METHOD` off: "+switchable())
	cmd.Flags().StringSliceVar(&f.on, "on", nil, "switch this `METHOD` on")
	return f
}

// given says whether anything is to be switched.
func (f *methodFlags) given() bool { return len(f.off)+len(f.on) > 0 }

// apply gives what is off after it, of what was off before.
func (f *methodFlags) apply(before []string) (off []string, err error) {
	for _, m := range slices.Concat(f.off, f.on) {
		if !slices.Contains(operation.Switchable(), operation.Method(m)) {
			return nil, hint(failf("%s cannot be switched off or on", plain(m)), "one of %s", switchable())
		}
		if slices.Contains(f.off, m) && slices.Contains(f.on, m) {
			return nil, failf("%s is to be both off and on", plain(m))
		}
	}
	off = slices.DeleteFunc(slices.Concat(before, f.off), func(m string) bool { return slices.Contains(f.on, m) })
	slices.Sort(off)
	return slices.Compact(off), nil
}

func switchable() string {
	var names []string
	for _, m := range operation.Switchable() {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

// writeMethods prints which methods are on.
func writeMethods(w io.Writer, off []string) error {
	var rows [][]string
	for _, m := range operation.Switchable() {
		state := "on"
		if slices.Contains(off, string(m)) {
			state = "off"
		}
		rows = append(rows, []string{string(m), state})
	}
	return writeTable(w, []string{"METHOD", "STATE"}, rows)
}
