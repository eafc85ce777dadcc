package server

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// This file puts the configuration together: defaults, overridden by the file,
// by COUNTERSIGN_… variables, by flags. Reading is strict, and it never stops
// at the first mistake: whoever mends a configuration wants to see all of it.
// The keys are declared in config_types.go, what they may hold is judged in
// config_check.go.

// Kind says what a configuration is for.
type Kind int

const (
	// ForServe is a real server: issuer and master secret are required.
	ForServe Kind = iota
	// ForDev is the development server, which makes up what is missing.
	ForDev
)

// Source is where a configuration comes from. The zero value gives the
// defaults. Nothing here looks at the process's own environment.
type Source struct {
	// Kind is what it is for; the zero value is ForServe.
	Kind Kind
	// File is the path of the YAML file; empty: none. It names the file in
	// messages also when Content is set.
	File string
	// Content, when not nil, is used instead of reading File.
	Content []byte
	// Environ is "NAME=value" strings, as os.Environ gives them; only names
	// beginning with COUNTERSIGN_ are looked at.
	Environ []string
	// Flags maps dotted paths (session.ttl) to values, as in Environ.
	Flags map[string]string
}

// Load reads every layer of src and checks the result. The error, if any, is
// an Errors with everything that is wrong; the Config is then the zero value.
func Load(src Source) (Config, error) {
	origins := map[string]configPlace{}
	file, problems := readConfigFile(src, origins)
	readable := file != nil

	environ := textReader{origins: origins}
	environ.environ(src.Environ)
	flags := textReader{origins: origins}
	flags.flags(src.Flags)
	problems = append(append(problems, environ.problems...), flags.problems...)

	cfg, err := decodeLayers(file, environ.values, flags.values)
	if err != nil {
		// The readers let only decodable values pass; this says they failed.
		problems = append(problems, Problem{Where: "default", What: "cannot be decoded", at: configPlace{layer: layerDefault}})
	}
	cfg.origins = origins
	if readable && err == nil {
		problems = append(problems, cfg.Check(src.Kind).without(problems)...)
	}
	if len(problems) > 0 {
		problems.sort()
		return Config{}, problems
	}
	return cfg, nil
}

// readConfigFile returns the file's layer: empty without a file, nil when it
// could not be read as YAML.
func readConfigFile(src Source, origins map[string]configPlace) (map[string]any, Errors) {
	r := yamlReader{file: src.File, origins: origins}
	content := src.Content
	switch {
	case content == nil && src.File == "":
		return map[string]any{}, nil
	case content == nil:
		var err error
		if content, err = os.ReadFile(src.File); err != nil {
			r.fail(r.at(0), "", "cannot be read: "+fileTrouble(err), "name the file with --config")
			return nil, r.problems
		}
	case r.file == "":
		r.file = "configuration"
	}
	values := r.read(content)
	return values, r.problems
}

// fileTrouble is the cause of a file error without the path: the path is the
// value of a key, and a secret may have been written there by mistake.
func fileTrouble(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return "it cannot be read"
}

// decodeLayers merges the layers, the last the strongest, into a Config.
func decodeLayers(layers ...map[string]any) (Config, error) {
	merged, err := mergeLayers(append([]map[string]any{groupTree(reflect.ValueOf(Defaults()))}, layers...)...)
	if err != nil {
		return Config{}, err
	}
	// koanf replaces lists whole, so each service gets its defaults here.
	list, _ := merged.Get("services").([]any)
	services := make([]any, len(list))
	for i, entry := range list {
		given, _ := entry.(map[string]any)
		service, err := mergeLayers(serviceTree(given), given)
		if err != nil {
			return Config{}, err
		}
		services[i] = service.Raw()
	}
	if err := merged.Load(confmap.Provider(map[string]any{"services": services}, ""), nil); err != nil {
		return Config{}, err
	}
	var cfg Config
	if err := merged.Unmarshal("", &cfg); err != nil {
		return Config{}, err
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Name == "" {
			s.Name = s.ID
		}
		for i, o := range s.Origins {
			s.Origins[i] = strings.ToLower(o)
		}
	}
	return cfg, nil
}

func mergeLayers(layers ...map[string]any) (*koanf.Koanf, error) {
	k := koanf.New(".")
	for _, layer := range layers {
		if err := k.Load(confmap.Provider(layer, ""), nil); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// serviceTree is the default of a service entry. Who narrows scopes.allowed
// need not repeat scopes.default: it shrinks along.
func serviceTree(entry map[string]any) map[string]any {
	service := serviceDefaults()
	scopes, _ := entry["scopes"].(map[string]any)
	if allowed, ok := scopes["allowed"].([]any); ok {
		service.Scopes.Default = nil
		for _, scope := range allowed {
			if scope == "identity:name" {
				service.Scopes.Default = []string{"identity:name"}
			}
		}
	}
	return groupTree(reflect.ValueOf(service))
}

// groupTree is a group of keys as a layer.
func groupTree(v reflect.Value) map[string]any {
	group := map[string]any{}
	for _, k := range keysOf(v.Type()) {
		group[k.name] = configTree(v.Field(k.index))
	}
	return group
}

// configTree is the value as a layer: mappings, lists, bools, ints and texts.
func configTree(v reflect.Value) any {
	t := v.Type()
	switch {
	case isGroup(t):
		return groupTree(v)
	case t.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = configTree(v.Index(i))
		}
		return list
	case t.Kind() == reflect.Map:
		texts, _ := v.Interface().(map[string]string)
		group := map[string]any{}
		for name, text := range texts {
			group[name] = text
		}
		return group
	case t.Kind() == reflect.String:
		return v.String()
	case isText(t):
		return valueText(v)
	}
	return v.Interface()
}
