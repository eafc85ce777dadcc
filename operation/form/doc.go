// Package form is what is approved, as people and programs read it.
//
// Programs read [Data], the structured text of one line that a relying party
// hashes and compares (docs/protocol.md, Operation data and form):
//
//	A1*A100.50EUR*IDE89370400440532013000*R2019001**NUtility bill
//	││ └ amount   └ IBAN[,BIC]            │        └ note
//	││                                    └ reference, then an empty field
//	│└ template, 0 to 99
//	└ version
//
// People read a [Form]: title, greeting, summary and attributes, each of a
// [Type] that a phone knows how to show. [Parse] reads one, strictly: a phone
// signs what it shows, so what this version does not know is refused and not
// passed on. [Form.Localise] puts a catalogue's texts and the attributes' values
// into it, and [Check] holds it against the data: both are signed, and they must
// not tell different stories.
//
// A [Template] has both with values left open, and [Template.Fill] fills them in so
// that each stays the value that it is.
//
// A wrong member is told as an [Error] with its path. The package knows neither
// HTTP nor Redis, where catalogues and templates are kept, nor what a session is.
package form
