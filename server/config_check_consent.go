package server

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/device"
)

// The bounds of what a service asks its users to agree to.
const (
	consentTextMost    = 10_000 // characters
	consentLabelMost   = 300
	consentOptionsMost = 16
	consentLeast       = time.Hour
	consentMost        = 3650 * 24 * time.Hour
)

var (
	consentVersion  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	consentOptionID = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)
	languageTag     = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
)

// consent checks what a service asks its users to agree to.
func (k *configCheck) consent(path string, c ConsentConfig) {
	if c.Version == "" {
		if c.Validity != 0 || len(c.Options) > 0 || len(c.Texts) > 0 {
			k.fail(path+".version", "is empty although there is more", "name what is agreed to, such as 2026-01, or remove consent")
		}
		return
	}
	if !consentVersion.MatchString(c.Version) {
		k.fail(path+".version", "is no version", "1 to 64 letters, digits, dots, _ and -, such as 2026-01")
	}
	k.within(path+".validity", c.Validity, consentLeast, consentMost)
	ids := k.consentOptions(path+".options", c.Options)
	if len(c.Texts) == 0 {
		k.fail(path+".texts", "is required with version: what is agreed to", "such as [{language: en, text: I agree to the terms of Acme Bank.}]")
	}
	seen := map[string]int{}
	for i, t := range c.Texts {
		p := fmt.Sprintf("%s.texts[%d]", path, i)
		tag := strings.ToLower(t.Language)
		if !languageTag.MatchString(t.Language) {
			k.fail(p+".language", "is no language", "a tag such as en or de-AT")
		} else if first, twice := seen[tag]; twice {
			k.fail(p+".language", fmt.Sprintf("is that of texts[%d] too", first), "one text for each language")
		} else {
			seen[tag] = i
		}
		k.plainText(p+".text", strings.ReplaceAll(string(t.Text), "\n", " "), consentTextMost)
		k.consentLabels(p+".options", t.Options, ids)
	}
}

func (k *configCheck) consentOptions(path string, options []ConsentOption) (ids []string) {
	if len(options) > consentOptionsMost {
		k.fail(path, fmt.Sprintf("has more than %d", consentOptionsMost), "")
	}
	for i, o := range options {
		p := fmt.Sprintf("%s[%d].id", path, i)
		switch {
		case !consentOptionID.MatchString(o.ID):
			k.fail(p, "is no name of an option", "1 to 32 lower-case letters, digits, _ and -, such as news")
		case slices.Contains(ids, o.ID):
			k.fail(p, "is listed twice", "")
		}
		ids = append(ids, o.ID)
	}
	return ids
}

// consentLabels checks that a language calls each option something, and none besides.
func (k *configCheck) consentLabels(path string, labels map[string]string, ids []string) {
	for _, id := range ids {
		if _, ok := labels[id]; !ok {
			k.fail(path, "does not say what "+shown(id)+" is called", "a line for each of consent.options")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(labels)) {
		if !slices.Contains(ids, id) {
			k.fail(path+"."+shorten(id), "is none of consent.options", "add it there, or remove it here")
		}
		k.plainText(path+"."+shorten(id), labels[id], consentLabelMost)
	}
}

// plainText checks words for people: they are shown as they are, so that nothing of
// them may be hidden.
func (k *configCheck) plainText(path, text string, most int) {
	switch {
	case strings.TrimSpace(text) == "":
		k.fail(path, "is blank", "plain text, as users are to read it")
	case utf8.RuneCountInString(text) > most:
		k.fail(path, fmt.Sprintf("is longer than %d characters", most), "")
	case !utf8.ValidString(text) || device.HasHidden(text):
		k.fail(path, "contains a control, hidden or text-direction character", "users see it as it is: letters and plain spaces only")
	}
}
