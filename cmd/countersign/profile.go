package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"countersign/crypto/p256"
)

// A profile is one phone of this user at one server, kept in a file that nobody
// else may read: whoever has the key is the phone.
type profile struct {
	Issuer   string `json:"issuer"`
	TokenID  string `json:"tokenId"`
	DeviceID string `json:"deviceId"`
	// For when there is no network; empty: nothing was agreed on.
	OfflineSecret  string `json:"offlineSecret,omitempty"`  // base64url
	OfflineSigning string `json:"offlineSigning,omitempty"` // the server's key, PEM

	Key    string `json:"key"`              // PKCS #8, PEM
	NewKey string `json:"newKey,omitempty"` // of a rotation that has not come to its end

	key p256.PrivateKey
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// errNoProfile: there is no phone of that name at that server yet.
var errNoProfile = errors.New("no phone is enrolled here")

// profilePath is where a profile is kept: one file for each name and issuer.
func (env *environment) profilePath(name, issuer string) (string, error) {
	if !profileName.MatchString(name) {
		return "", failf("--profile takes up to 32 letters, digits, - and _")
	}
	dir, err := env.ConfigDir()
	if err != nil {
		return "", hint(err, "set XDG_CONFIG_HOME or HOME")
	}
	sum := sha256.Sum256([]byte(issuer))
	return filepath.Join(dir, "countersign", "phones", name+"-"+hex.EncodeToString(sum[:8])+".json"), nil
}

// loadProfile reads a profile. A file that others may read is refused: its key
// may be somebody else's by now.
func (env *environment) loadProfile(name, issuer string) (profile, error) {
	path, err := env.profilePath(name, issuer)
	if err != nil {
		return profile{}, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return profile{}, hint(errNoProfile, "countersign phone enroll --issuer %s --profile %s", issuer, name)
	}
	if err != nil {
		return profile{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return profile{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return profile{}, hint(failf("%s: others may read this key (mode %04o)", path, info.Mode().Perm()),
			"chmod 600 it, or revoke the device and enrol anew if somebody did")
	}
	var p profile
	if err := json.NewDecoder(f).Decode(&p); err != nil {
		return profile{}, hint(failf("%s: not a phone's file", path), "remove it and enrol anew")
	}
	if p.key, err = p256.ParsePrivatePEM(p.Key); err != nil || p.Issuer != issuer {
		return profile{}, hint(failf("%s: not this phone's file", path), "remove it and enrol anew")
	}
	return p, nil
}

// saveProfile writes a profile, in the place of an older one.
func (env *environment) saveProfile(name string, p profile) (path string, err error) {
	if path, err = env.profilePath(name, p.Issuer); err != nil {
		return "", err
	}
	p.Key = p.key.MarshalPEM()
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	// A new file, so that one that others hold open or may read is not written to.
	f, err := os.CreateTemp(filepath.Dir(path), ".phone-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return path, nil
}
