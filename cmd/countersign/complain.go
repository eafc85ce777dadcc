package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"countersign/server"
)

// This file is how the program speaks of trouble: to stderr, one line each, as
// `countersign: error: …` and `countersign: hint: …`, in lower case and without
// a full stop.

// hinted is an error and what to do about it.
type hinted struct {
	error
	hint string
}

// Unwrap gives the error.
func (h hinted) Unwrap() error { return h.error }

// hint adds what to do to an error; nil stays nil.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return hinted{err, fmt.Sprintf(format, args...)}
}

// failf is an error of the command line itself.
func failf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// complain prints an error and its hints.
func (env *environment) complain(err error) {
	var problems server.Errors
	if errors.As(err, &problems) {
		for _, p := range problems {
			env.line("error", problemText(p))
			if p.Hint != "" {
				env.line("hint", p.Hint)
			}
		}
		return
	}
	env.line("error", errorText(err))
	for _, h := range hintsOf(err) {
		env.line("hint", h)
	}
}

func (env *environment) line(kind, text string) {
	fmt.Fprintf(env.Stderr, "countersign: %s: %s\n", kind, text)
}

func problemText(p server.Problem) string {
	if p.Path == "" {
		return p.Where + ": " + p.What
	}
	return p.Where + ": " + p.Path + ": " + p.What
}

// errorText is an error in one line. The library for HTTP quotes method and URL
// around the cause, which is all that the user wants to know.
func errorText(err error) string {
	text := err.Error()
	var request *url.Error
	if errors.As(err, &request) {
		if u, e := url.Parse(request.URL); e == nil {
			better := fmt.Sprintf("%s cannot be reached: %v", u.Scheme+"://"+u.Host, request.Err)
			text = strings.ReplaceAll(text, request.Error(), better)
		}
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// hintsOf gives the hints of an error, the outermost first.
func hintsOf(err error) (hints []string) {
	for err != nil {
		var h hinted
		if !errors.As(err, &h) {
			break
		}
		hints = append(hints, h.hint)
		err = h.error
	}
	return hints
}
