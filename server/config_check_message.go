package server

import (
	"fmt"

	"countersign/operation"
)

// message checks the gateway, and that there is one where a flow needs it.
func (k *configCheck) message() {
	m := k.cfg.Message
	switch {
	case m.URL == "" && m.SecretFile != "":
		k.fail("message.url", "is empty although there is a secretFile", "give the URL, or remove message")
	case m.URL != "" && m.SecretFile == "":
		k.fail("message.secretFile", "is required with url: requests are signed", "the path of a file that holds whsec_ and what `openssl rand -base64 32` prints")
	}
	if m.URL != "" {
		k.target("message.url", m.URL)
	}
}

// methodsThere checks that there is what the methods of a configured flow need.
func (k *configCheck) methodsThere(path string, f operation.Flow) {
	if k.cfg.Message.URL != "" || k.kind == ForDev { // dev has a gateway of its own
		return
	}
	for i, s := range f.Steps {
		for j, w := range s.Ways {
			if w.Method == operation.ByMessage {
				k.fail(fmt.Sprintf("%s.steps[%d].methods[%d]", path, i, j), "message needs message.url", "the webhook of your gateway for SMS or mail; operations.md has one to copy")
			}
		}
	}
}
