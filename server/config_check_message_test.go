package server

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The gateway's secret is read as Standard Webhooks writes it; what is none is a
// fault that does not show it.
func TestMessageSecret(t *testing.T) {
	key := strings.Repeat("k", 32)
	file := secretFiles(t, map[string]string{"good": "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) + "\n", "bare": "hunter2hunter2hunter2hunter2hunter2\n"})
	cfg := Defaults()
	cfg.Message = MessageConfig{URL: "https://gateway.example/", SecretFile: file("good")}
	if s, err := cfg.ReadSecrets(); err != nil || string(s.Message) != key {
		t.Errorf("%q, %v", s.Message, err)
	}
	cfg.Message.SecretFile = file("bare")
	_, err := cfg.ReadSecrets()
	if found, _ := errors.AsType[Errors](err); len(found) != 1 || found[0].Path != "message.secretFile" || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("%v", err)
	}
}
