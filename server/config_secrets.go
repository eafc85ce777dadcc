package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"

	"countersign/api"
	"countersign/crypto/keyring"
	"countersign/notify"
	"countersign/oidc"
)

// maxSecretBytes bounds a secret file; minServiceSecret is the shortest secret
// worth the name (128 bits): a shorter one is used, with a warning.
const (
	maxSecretBytes   = 16 << 10
	minServiceSecret = 16
)

// Secrets is the content of every secret file of a Config. Printing or logging
// it shows nothing.
type Secrets struct {
	// Master holds the master secrets; nil without masterSecretFile (ForDev).
	Master *keyring.Master
	// RedisPassword comes from redis.passwordFile or, without one, from
	// redis.url; empty: none.
	RedisPassword string
	// Risk signs the questions to the risk hook; nil without one.
	Risk []byte
	// Message signs what is sent to the gateway; nil: there is none.
	Message []byte
	// Operators are the static tokens of operators, by their hashes.
	Operators []api.AdminToken
	// Services has one entry per configured service, by its id.
	Services map[string]ServiceSecrets
	// Warnings lists secrets that are allowed but weak, each one sentence to
	// print or log at start beside Config.Warnings. They show no secret.
	Warnings []string
}

// ServiceSecrets is what one service's files hold. Printing or logging it
// shows nothing.
type ServiceSecrets struct {
	// Secret authenticates the service; nil: it has none.
	Secret []byte
	// ResponseKey is 32 bytes, the key of the approved message's hash; nil:
	// the server makes one.
	ResponseKey []byte
	// WebhookSecrets sign its events, each of them; nil without a webhook.
	WebhookSecrets [][]byte
	// ClientKeys is the JWKS it authenticates with at the OpenID Provider; nil:
	// by its secret. It is public.
	ClientKeys []byte
}

// Format hides the secrets from every verb of fmt.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "server.Secrets(hidden)") }

// LogValue hides the secrets from slog.
func (Secrets) LogValue() slog.Value { return slog.StringValue("server.Secrets(hidden)") }

// MarshalJSON refuses: secrets are never serialised.
func (Secrets) MarshalJSON() ([]byte, error) { return nil, errHidden }

// Format hides the secrets from every verb of fmt.
func (ServiceSecrets) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "server.ServiceSecrets(hidden)")
}

// LogValue hides the secrets from slog.
func (ServiceSecrets) LogValue() slog.Value {
	return slog.StringValue("server.ServiceSecrets(hidden)")
}

// MarshalJSON refuses: secrets are never serialised.
func (ServiceSecrets) MarshalJSON() ([]byte, error) { return nil, errHidden }

var errHidden = errors.New("server: secrets are not serialised")

// ReadSecrets reads the files c names. The error is an Errors with everything
// that is wrong; it shows neither what a file holds nor its path, only the key
// that names it.
func (c Config) ReadSecrets() (Secrets, error) {
	r := secretReader{cfg: c}
	secrets := Secrets{Services: map[string]ServiceSecrets{}}
	if text := r.read("masterSecretFile", c.MasterSecretFile); text != nil {
		var err error
		if secrets.Master, err = keyring.ParseMaster(text); err != nil {
			r.fail("masterSecretFile", "the file it names is not good: "+err.Error(), "one line of `openssl rand -base64 32`")
		}
	}
	secrets.RedisPassword = r.redisPassword()
	secrets.Risk = r.hookSecret("risk.secretFile", c.Risk.SecretFile)
	secrets.Message = r.hookSecret("message.secretFile", c.Message.SecretFile)
	if c.Admin.TokensFile != "" {
		secrets.Operators = r.operatorTokens("admin.tokensFile", c.Admin.TokensFile)
	}
	for i, s := range c.Services {
		path := "services[" + strconv.Itoa(i) + "]."
		secrets.Services[s.ID] = ServiceSecrets{
			Secret:         r.serviceSecret(path, "secretFile", s.ID, s.SecretFile),
			ResponseKey:    r.key(path+"responseKeyFile", s.ResponseKeyFile),
			WebhookSecrets: r.webhookSecrets(path, s.ID, s.Webhook.SecretFile),
			ClientKeys:     r.clientKeys(path+"clientKeysFile", s.ClientKeysFile),
		}
	}
	if len(r.found) > 0 {
		r.found.sort()
		return Secrets{}, r.found
	}
	secrets.Warnings = r.warnings
	return secrets, nil
}

// secretReader reads secret files and collects what is wrong with them.
type secretReader struct {
	cfg      Config
	found    Errors
	warnings []string
}

// hookSecret reads a secret that requests are signed with.
func (r *secretReader) hookSecret(path, file string) []byte {
	text := r.read(path, file)
	if text == nil {
		return nil
	}
	secret, err := notify.ParseSecret(string(text))
	if err != nil {
		r.fail(path, "the file it names "+err.Error(), "whsec_ and what `openssl rand -base64 32` prints, in one line")
	}
	return secret
}

func (r *secretReader) fail(path, what, hint string) {
	at := r.cfg.place(path)
	r.found = append(r.found, Problem{Path: path, Where: at.String(), What: what, Hint: hint, at: at})
}

// read returns the content of file, or nil when it is not named or not good.
func (r *secretReader) read(path, file string) []byte { return r.readUpTo(path, file, maxSecretBytes) }

func (r *secretReader) readUpTo(path, file string, most int64) []byte {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		r.fail(path, "the file it names cannot be read: "+fileTrouble(err), "the key takes a path, and the server's user must be able to read the file")
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		r.fail(path, "the file it names cannot be read: "+fileTrouble(err), "the key takes the path of a file")
	case int64(len(text)) > most:
		r.fail(path, fmt.Sprintf("the file it names is larger than %d KiB", most>>10), "")
	case len(bytes.TrimSpace(text)) == 0:
		r.fail(path, "the file it names is empty", "")
	default:
		return text
	}
	return nil
}

// secret returns the content of file without one newline at its end.
func (r *secretReader) secret(path, file string) []byte {
	return trimNewline(r.read(path, file))
}

// serviceSecret is secret for the given key of service id, and warns of a
// short one.
func (r *secretReader) serviceSecret(path, key, id, file string) []byte {
	text := r.secret(path+key, file)
	if text != nil {
		r.warnShort(key, id, text)
	}
	return text
}

func (r *secretReader) warnShort(key, id string, secret []byte) {
	if len(secret) < minServiceSecret {
		r.warnings = append(r.warnings, fmt.Sprintf("service %s: the secret in the file named by %s is shorter than %d bytes: make one with `openssl rand -base64 32`", id, key, minServiceSecret))
	}
}

// webhookSecretsMost bounds the secrets of a webhook: the one in use and the ones
// before and after it.
const webhookSecretsMost = 3

// webhookSecrets reads the secrets that a service's events are signed with, one a
// line: as Standard Webhooks writes it, or the bytes themselves.
func (r *secretReader) webhookSecrets(path, id, file string) (out [][]byte) {
	const key = "webhook.secretFile"
	for line := range strings.SplitSeq(string(r.read(path+key, file)), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		secret := []byte(line)
		if notify.IsSecret(line) {
			var err error
			if secret, err = notify.ParseSecret(line); err != nil {
				r.fail(path+key, "the file it names "+err.Error(), "whsec_ and what `openssl rand -base64 32` prints, one a line")
				continue
			}
		}
		r.warnShort(key, id, secret)
		out = append(out, secret)
	}
	if len(out) > webhookSecretsMost {
		r.fail(path+key, fmt.Sprintf("the file it names has more than %d secrets", webhookSecretsMost), "each event is signed with all of them: remove the old ones")
	}
	return out
}

// redisPassword is what passwordFile holds, else what the URL does.
func (r *secretReader) redisPassword() string {
	redis := r.cfg.Redis
	if redis.PasswordFile != "" {
		return string(r.secret("redis.passwordFile", redis.PasswordFile))
	}
	if u, err := url.Parse(redis.URL); err == nil && redis.Mode == "single" {
		password, _ := u.User.Password()
		return password
	}
	return ""
}

// key returns the 32 bytes written in file as base64url.
func (r *secretReader) key(path, file string) []byte {
	text := trimNewline(r.read(path, file))
	if text == nil {
		return nil
	}
	key, err := base64.RawURLEncoding.Strict().DecodeString(string(bytes.TrimRight(text, "=")))
	if err != nil || len(key) != 32 {
		r.fail(path, "the file it names does not hold 32 bytes in base64url", "make one with `openssl rand -base64 32 | tr +/ -_`")
		return nil
	}
	return key
}

// clientKeys returns the JWKS in file.
func (r *secretReader) clientKeys(path, file string) []byte {
	text := r.read(path, file)
	if text == nil {
		return nil
	}
	if err := oidc.CheckKeys(text); err != nil {
		r.fail(path, "the file it names "+err.Error(), "a JSON object with the member keys (RFC 7517)")
		return nil
	}
	return text
}

func trimNewline(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}
