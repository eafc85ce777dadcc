package api

import (
	"encoding/json"
	"fmt"
)

// A Display is what a phone shows, as parsed from the text it signs the hash of.
type Display struct {
	Issuer  string `json:"issuer"`
	Service struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"service"`
	Origin    string   `json:"origin"` // empty: a back end started it
	Scopes    []string `json:"scopes"`
	Mode      string   `json:"mode"`
	Requester *struct {
		IP        string `json:"ip"`
		UserAgent string `json:"userAgent"`
		FirstSeen bool   `json:"firstSeen"`
		ByService bool   `json:"byService"`
	} `json:"requester"`
	Operation *struct {
		Name string          `json:"name"`
		Data string          `json:"data"`
		Form json.RawMessage `json:"form"`
	} `json:"operation"`
}

// ParseDisplay reads a display text.
func ParseDisplay(text string) (Display, error) {
	var d Display
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, fmt.Errorf("api: display: %w", err)
	}
	return d, nil
}
