package form

import "slices"

type kind struct {
	is      Type
	members []member[Attribute]
}

// kinds has the members of each type of attribute, in the order in which they are
// written.
var kinds = []kind{
	{TypeAmount, []member[Attribute]{id(), label(optional),
		word("amount", required, func(a *Attribute) *string { return &a.Amount.Value }, goodValue),
		word("currency", required, func(a *Attribute) *string { return &a.Amount.Currency }, goodCurrency)}},
	{TypeConversion, []member[Attribute]{id(), label(optional),
		word("sourceAmount", required, func(a *Attribute) *string { return &a.Source.Value }, goodValue),
		word("sourceCurrency", required, func(a *Attribute) *string { return &a.Source.Currency }, goodCurrency),
		word("targetAmount", required, func(a *Attribute) *string { return &a.Target.Value }, goodValue),
		word("targetCurrency", required, func(a *Attribute) *string { return &a.Target.Currency }, goodCurrency),
		flag("dynamic", func(a *Attribute) *bool { return &a.Dynamic })}},
	{TypeKeyValue, []member[Attribute]{id(), label(required), value(),
		word("format", optional, func(a *Attribute) *string { return (*string)(&a.Format) },
			oneOf(FormatText, FormatDate, FormatNumber, FormatAccount))}},
	{TypeNote, []member[Attribute]{id(), label(optional), value()}},
	{TypeHeading, []member[Attribute]{id(), label(required)}},
	{TypeAlert, []member[Attribute]{id(), label(optional), value(),
		word("alertType", optional, func(a *Attribute) *string { return (*string)(&a.Level) },
			oneOf(LevelSuccess, LevelInfo, LevelWarning, LevelError))}},
	{TypeParty, []member[Attribute]{id(), label(optional),
		line("name", required, func(a *Attribute) *Text { return &a.Name }),
		line("description", optional, func(a *Attribute) *Text { return &a.Description }),
		word("logoUrl", optional, func(a *Attribute) *string { return &a.LogoURL }, goodURL),
		word("websiteUrl", optional, func(a *Attribute) *string { return &a.WebsiteURL }, goodURL)}},
	{TypeImage, []member[Attribute]{id(), label(optional),
		word("thumbnailUrl", required, func(a *Attribute) *string { return &a.ThumbnailURL }, goodURL),
		word("originalUrl", optional, func(a *Attribute) *string { return &a.OriginalURL }, goodURL)}},
	{TypeChoice, []member[Attribute]{id(), label(optional), options(),
		word("selected", optional, func(a *Attribute) *string { return &a.Selected }, goodID)}},
}

// attributeMembers are those of an attribute's type, which is the first of them; of
// a type that there is not, it alone.
func attributeMembers(a *Attribute) []member[Attribute] {
	is := word("type", required, func(a *Attribute) *string { return (*string)(&a.Type) }, nil)
	is.check = func(a *Attribute, path string) error {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.is == a.Type }) {
			return wrong(path, ErrUnknown)
		}
		return nil
	}
	for _, k := range kinds {
		if k.is == a.Type {
			return append([]member[Attribute]{is}, k.members...)
		}
	}
	return []member[Attribute]{is}
}

func id() member[Attribute] {
	return word("id", optional, func(a *Attribute) *string { return &a.ID }, goodID)
}

func value() member[Attribute] {
	return words("value", required, func(a *Attribute) *Text { return &a.Value })
}

func options() member[Attribute] {
	return list("options", required, MaxOptions, func(a *Attribute) *[]Option { return &a.Options }, func(*Option) []member[Option] { return optionMembers })
}

func label(need bool) member[Attribute] {
	return line("label", need, func(a *Attribute) *Text { return &a.Label })
}

var (
	formMembers = []member[Form]{
		words("title", optional, func(f *Form) *Text { return &f.Title }),
		words("greeting", optional, func(f *Form) *Text { return &f.Greeting }),
		words("summary", optional, func(f *Form) *Text { return &f.Summary }),
		list("attributes", optional, MaxAttributes, func(f *Form) *[]Attribute { return &f.Attributes }, attributeMembers),
	}
	optionMembers = []member[Option]{
		word("id", required, func(o *Option) *string { return &o.ID }, goodID),
		line("label", required, func(o *Option) *Text { return &o.Label }),
	}
	textMembers = []member[Text]{
		word("id", optional, func(t *Text) *string { return &t.ID }, goodID),
		word("message", optional, func(t *Text) *string { return &t.Message }, nil), // judged with the text
	}
)
