package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// secretFiles writes files into a fresh directory and returns a namer of them.
func secretFiles(t *testing.T, files map[string]string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

func TestReadSecrets(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb}, 32)
	file := secretFiles(t, map[string]string{
		"master":   base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n",
		"redis":    "hunter2\r\n",
		"acme":     "sixteen bytes...\n",
		"response": base64.RawURLEncoding.EncodeToString(key) + "\n",
		"hook":     "  sixteen and blanks \r\nwhsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2 and sixteen hooks")) + "\n\n",
		"risk":     "whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2 and sixteen risks")) + "\n",
	})
	cfg := Defaults()
	cfg.MasterSecretFile, cfg.Redis.PasswordFile, cfg.Risk.SecretFile = file("master"), file("redis"), file("risk")
	cfg.Services = []ServiceConfig{
		{ID: "acme", SecretFile: file("acme"), ResponseKeyFile: file("response"), Webhook: WebhookConfig{SecretFile: file("hook")}},
		{ID: "shop"},
	}
	s, err := cfg.ReadSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if s.Master == nil || s.RedisPassword != "hunter2" || string(s.Risk) != "hunter2 and sixteen risks" || len(s.Services) != 2 {
		t.Error("master secret, Redis password or services are wrong")
	}
	acme := s.Services["acme"]
	if string(acme.Secret) != "sixteen bytes..." || !bytes.Equal(acme.ResponseKey, key) || !slices.Equal(texts(acme.WebhookSecrets), []string{"  sixteen and blanks ", "hunter2 and sixteen hooks"}) {
		t.Errorf("acme: %q, %x, %q", acme.Secret, acme.ResponseKey, acme.WebhookSecrets)
	}
	if shop := s.Services["shop"]; shop.Secret != nil || shop.ResponseKey != nil || shop.WebhookSecrets != nil {
		t.Error("a service without files has secrets")
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secrets", s, "acme", acme)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %x", s, s, s, acme, acme), log.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "sixteen") || !strings.Contains(text, "hidden") {
			t.Errorf("printing shows secrets: %s", text)
		}
	}
	if _, err := json.Marshal(acme); err == nil {
		t.Error("secrets are serialised")
	}
}

func texts(secrets [][]byte) (out []string) {
	for _, s := range secrets {
		out = append(out, string(s))
	}
	return out
}

func TestWebhookSecrets(t *testing.T) {
	good := "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n"
	file := secretFiles(t, map[string]string{
		"short": "whsec_aHVudGVyMg==\n", "second": good + "whsec_hunter2\n", "three": strings.Repeat(good, 3), "four": strings.Repeat(good, 4),
	})
	for name, want := range map[string]string{"three": "", "short": "is no secret of Standard Webhooks", "second": "is no secret of Standard Webhooks", "four": "has more than 3 secrets"} {
		cfg := Defaults()
		cfg.Services = []ServiceConfig{{ID: "acme", Webhook: WebhookConfig{SecretFile: file(name)}}}
		s, err := cfg.ReadSecrets()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && len(s.Services["acme"].WebhookSecrets) != 3 {
			t.Errorf("%s: %d secrets", name, len(s.Services["acme"].WebhookSecrets))
		}
	}
}

func TestReadSecretsEveryMistakeAtOnce(t *testing.T) {
	file := secretFiles(t, map[string]string{
		"short": "aHVudGVyMg==\n", "empty": "\n",
		"std": strings.Repeat("hunter2+", 5) + "abc", "large": strings.Repeat("hunter2", 10_000),
	})
	yaml := "issuer: https://login.example.com\nmasterSecretFile: " + file("short") + "\nredis: {passwordFile: " + file("absent-hunter2") + `}
services:
  - id: acme
    name: Acme Bank
    secretFile: ` + file("absent") + `
    responseKeyFile: ` + file("std") + `
  - id: shop
    name: Shop
    secretFile: ` + file("empty") + `
    responseKeyFile: ` + file("") + `
    webhook: {url: "https://shop.example/h", secretFile: ` + file("large") + "}\n"
	cfg, err := Load(Source{File: "c.yaml", Content: []byte(yaml)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cfg.ReadSecrets()
	found, _ := errors.AsType[Errors](err)
	var got []string
	for _, p := range found {
		got = append(got, p.Where+" "+p.Path)
	}
	want := "c.yaml:2 masterSecretFile, c.yaml:3 redis.passwordFile, c.yaml:7 services[0].secretFile, c.yaml:8 services[0].responseKeyFile, " +
		"c.yaml:11 services[1].secretFile, c.yaml:12 services[1].responseKeyFile, c.yaml:13 services[1].webhook.secretFile"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s\n%v", strings.Join(got, ", "), want, err)
	}
	for _, secret := range []string{"hunter2", "aHVudGVy"} {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error shows %s:\n%v", secret, err)
		}
	}
}

func TestWeakSecretsAreUsedWithAWarning(t *testing.T) {
	file := secretFiles(t, map[string]string{"weak": "hunter2\n", "fifteen": "hunter2hunter2h\n", "sixteen": "hunter2hunter2hu\n"})
	cfg := Defaults()
	cfg.Services = []ServiceConfig{
		{ID: "acme", SecretFile: file("weak"), Webhook: WebhookConfig{SecretFile: file("fifteen")}},
		{ID: "shop", SecretFile: file("sixteen")},
	}
	s, err := cfg.ReadSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if acme := s.Services["acme"]; string(acme.Secret) != "hunter2" || !slices.Equal(texts(acme.WebhookSecrets), []string{"hunter2hunter2h"}) {
		t.Errorf("acme: %q, %q", acme.Secret, acme.WebhookSecrets)
	}
	all := strings.Join(s.Warnings, "\n")
	if len(s.Warnings) != 2 || !strings.Contains(all, "service acme: the secret in the file named by secretFile is") || !strings.Contains(all, "named by webhook.secretFile") {
		t.Errorf("got the warnings\n%s\nwant one for each short secret", all)
	}
	if strings.Contains(all, "hunter2") {
		t.Errorf("a warning shows a secret:\n%s", all)
	}
}

func TestRedisPasswordOfTheURL(t *testing.T) {
	file := secretFiles(t, map[string]string{"password": "from the file\n"})
	for _, c := range []struct{ url, file, want string }{
		{"redis://alice:p%40ss@redis.example", "", "p@ss"},
		{"redis://:pw@redis.example", file("password"), "from the file"},
		{"redis://alice@redis.example", "", ""},
	} {
		cfg := Defaults()
		cfg.Redis.URL, cfg.Redis.PasswordFile = c.url, c.file
		s, err := cfg.ReadSecrets()
		if err != nil || s.RedisPassword != c.want {
			t.Errorf("%s with passwordFile %q: got %q, %v, want %q", c.url, c.file, s.RedisPassword, err, c.want)
		}
	}
}

// A logo is an image by its content, whatever its name says.
func TestReadBrands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct{ content, kind, want string }{
		{"\x89PNG\r\n\x1a\n0000", "image/png", ""},
		{"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml", ""},
		{"<html><script>alert(1)</script>", "", "no image known here"},
		{"\x89PNG\r\n\x1a\n" + strings.Repeat("0", maxLogo), "", "larger than 64 KiB"},
		{"", "", "is empty"},
	} {
		cfg := Defaults()
		s := serviceDefaults()
		s.ID, s.Name, s.Branding.LogoFile = "shop", "Shop", write("logo", tc.content)
		cfg.Services = []ServiceConfig{s}
		brands, err := cfg.ReadBrands()
		if tc.want == "" && (err != nil || brands["shop"].LogoType != tc.kind || brands["shop"].Name != "Shop") {
			t.Errorf("%.20q: %+v, %v", tc.content, brands["shop"].LogoType, err)
		}
		if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%.20q: %v, want %s", tc.content, err, tc.want)
		}
	}
}
