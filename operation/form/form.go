package form

import "slices"

const (
	// MaxForm is how long a form may be in bytes, as it comes and as
	// [Form.Compact] writes it.
	MaxForm = 8 << 10
	// MaxAttributes is how many attributes a form has at most.
	MaxAttributes = 32
	// MaxText is how many characters a text has at most.
	MaxText = 1000
	// MaxOptions is how many options a choice has at most.
	MaxOptions = 16
	// MaxURL is how long an address may be, in bytes.
	MaxURL = 512
)

// A Form is what people are shown. Everything in it may be absent.
type Form struct {
	Title      Text
	Greeting   Text
	Summary    Text
	Attributes []Attribute // at most [MaxAttributes]
}

// A Text is words for people: on the wire a string, or {id, message} where the
// words may come from a catalogue. Its zero value is none.
type Text struct {
	// ID is the text's name in catalogues: 1 to 64 letters, digits, dots,
	// underscores and dashes of ASCII. Empty: the message is all there is.
	ID string
	// Message is at most [MaxText] characters, line feeds among them but no
	// other hidden ones. It may be empty if there is an ID, until
	// [Form.Localise] looks for it.
	Message string
}

// Words makes a text that no catalogue changes.
func Words(message string) Text { return Text{Message: message} }

// A Type says what an attribute is, and with it which members it has.
type Type string

// The types. Which members each has, and which of them it must have, is told by the
// table in kinds.go and in docs/protocol.md.
const (
	TypeAmount     Type = "AMOUNT"
	TypeConversion Type = "AMOUNT_CONVERSION"
	TypeKeyValue   Type = "KEY_VALUE"
	TypeNote       Type = "NOTE"
	TypeHeading    Type = "HEADING"
	TypeAlert      Type = "ALERT"
	TypeParty      Type = "PARTY_INFO"
	TypeImage      Type = "IMAGE"
	TypeChoice     Type = "CHOICE"
)

// An Attribute is one thing that a form shows. Only the members of its type are
// set.
type Attribute struct {
	Type Type
	// ID is unique in the form, and of the form of [Text.ID]. Other texts name
	// the attribute by it, see [Form.Localise].
	ID    string
	Label Text // a heading's words; of the others what stands before the value

	Amount Amount // AMOUNT

	Source, Target Amount // AMOUNT_CONVERSION: what is paid, and what arrives
	Dynamic        bool   // AMOUNT_CONVERSION: the rate may still change

	Value  Text   // KEY_VALUE, NOTE, ALERT
	Format Format // KEY_VALUE
	Level  Level  // ALERT

	Name, Description   Text   // PARTY_INFO
	LogoURL, WebsiteURL string // PARTY_INFO, https

	// IMAGE, https. The picture behind an address is not part of what is signed.
	ThumbnailURL, OriginalURL string

	Options  []Option // CHOICE, 1 to [MaxOptions]
	Selected string   // CHOICE: the ID of the option that is in force
}

// A Format says what the value of a KEY_VALUE is.
type Format string

// The formats. None given, the value is text, and [Check] looks for itself whether
// it may be an account.
const (
	FormatText    Format = "TEXT"
	FormatDate    Format = "DATE"    // 2006-01-02
	FormatNumber  Format = "NUMBER"  // a decimal number, perhaps negative
	FormatAccount Format = "ACCOUNT" // one line
)

// A Level says how an alert is meant. None given, it is [LevelInfo].
type Level string

// The levels.
const (
	LevelSuccess Level = "SUCCESS"
	LevelInfo    Level = "INFO"
	LevelWarning Level = "WARNING"
	LevelError   Level = "ERROR"
)

// An Option is one of a choice.
type Option struct {
	ID    string // unique in the choice, of the form of [Text.ID]
	Label Text
}

// Shown is the value of an attribute as one text for people: an amount with its
// currency, the label of the selected option. Numbers and dates are as they came.
// It is empty if there is nothing to show.
func (a Attribute) Shown() string {
	switch a.Type {
	case TypeAmount:
		return a.Amount.String()
	case TypeConversion:
		return a.Source.String() + " → " + a.Target.String()
	case TypeKeyValue, TypeNote, TypeAlert:
		return a.Value.Message
	case TypeParty:
		return a.Name.Message
	case TypeChoice:
		if i := slices.IndexFunc(a.Options, func(o Option) bool { return o.ID == a.Selected }); i >= 0 {
			return a.Options[i].Label.Message
		}
	case TypeHeading, TypeImage:
		return a.Label.Message
	}
	return ""
}
