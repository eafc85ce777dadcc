package form

import "errors"

// What is wrong with a form, or with data. Each comes as the Err of an [Error].
var (
	// ErrMalformed: of a wrong JSON type, given twice, or not of its form.
	ErrMalformed = errors.New("malformed")
	// ErrUnknown: a member or a type of attribute that there is not.
	ErrUnknown = errors.New("unknown")
	// ErrMissing: a member that must be there, or a text without words.
	ErrMissing = errors.New("missing")
	// ErrHidden: a control or bidirectional character, see [device.HasHidden]; a line
	// feed where words are of one line.
	ErrHidden = errors.New("has a hidden character")
	// ErrSize: too long, or too many.
	ErrSize = errors.New("too large")
	// ErrParameter: ${…} that is no parameter, or stands where none can.
	ErrParameter = errors.New("has a ${…} that cannot be there")
	// ErrMismatch: another amount or account than the data has.
	ErrMismatch = errors.New("not what the data says")
)

// An Error names the member that is wrong, never its value.
type Error struct {
	// Path leads from the form or data to the member, such as
	// attributes[2].amount or fields[0]; empty for the whole. A name that the
	// sender made up is in it only if it is of visible ASCII and short.
	Path string
	// Err is one of the errors above.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Path == "" {
		return "form: " + e.Err.Error()
	}
	return "form: " + e.Path + ": " + e.Err.Error()
}

// Unwrap gives what is wrong with the member.
func (e *Error) Unwrap() error { return e.Err }

// At is the path from further out: At("operation.form") is
// operation.form.attributes[2].amount.
func (e *Error) At(place string) string { return join(place, e.Path) }

func wrong(path string, err error) error { return &Error{path, err} }

// join appends a path to another; either may be empty.
func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "." + name
}
