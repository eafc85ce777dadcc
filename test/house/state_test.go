package house

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

func stateRules() []rule {
	return []rule{
		{
			name:  "no init",
			check: checkInit,
			bad:   []example{{"session/a.go", "package session\nfunc init() {}"}},
			good:  []example{{"session/a.go", "package session\ntype t struct{}\nfunc (t) init() {}"}},
		},
		{
			name:  "no package state",
			check: checkState,
			bad: []example{
				{"session/a.go", "package session\nvar count int"},
				{"session/a.go", "package session\nvar now = time.Now"},
				{"session/a.go", "package session\nvar client = newClient()"},
				{"session/a.go", "package session\nvar mu = sync.Mutex{}"},
				{"session/a.go", "package session\nvar pool = &sync.Pool{}"},
				{"session/a.go", "package session\nvar seen = map[string]bool{}\nfunc f() { seen[\"a\"] = true }"},
				{"session/a.go", "package session\nvar list = []int{}", "session/b.go", "package session\nfunc f() { list = append(list, 1) }"},
				{"session/a.go", "package session\nvar version = \"dev\""},
			},
			good: []example{
				{"session/a.go", "package session\nvar ErrGone = errors.New(\"session: gone\")"},
				{"session/a.go", "package session\nvar _ Store = (*memory)(nil)"},
				{"session/a.go", "package session\nvar form = regexp.MustCompile(`a`)"},
				{"session/a.go", "package session\nvar names = map[string]int{\"a\": 1}\nfunc f() { names := 1; names = 2; _ = names }"},
				{"session/a.go", "package session\nvar lookup = [256]byte{1}\nvar magic = []byte(\"x\")"},
				{"store/a.go", "package store\n//go:embed scripts\nvar scripts embed.FS"},
				{"store/a.go", "package store\nvar swap = redis.NewScript(swapSource)"},
				{"cmd/countersign/main.go", "package main\nvar version = \"dev\""},
				{"session/a_test.go", "package session\nvar update = flag.Bool(\"update\", false, \"\")"},
			},
		},
	}
}

func checkInit(t *tree) (findings []string) {
	for _, f := range t.goes {
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
				findings = append(findings, t.at(d, "no init(): what runs is called"))
			}
		}
	}
	return findings
}

// checkState wants package-level variables to be constants in spirit: errors, tables, compiled expressions, embedded
// files; and never assigned to, as a whole or in part.
func checkState(t *tree) (findings []string) {
	variables := map[string][]string{} // by folder
	for _, f := range t.goes {
		if f.isTest() {
			continue
		}
		for _, spec := range packageVars(f) {
			for i, name := range spec.Names {
				variables[path.Dir(f.path)] = append(variables[path.Dir(f.path)], name.Name)
				if !constantInSpirit(f, spec, i) {
					findings = append(findings, t.at(name, "%s is package-level state: make it a field", name.Name))
				}
			}
		}
	}
	for _, f := range t.goes {
		if !f.isTest() {
			findings = append(findings, t.assignments(f, variables[path.Dir(f.path)])...)
		}
	}
	return findings
}

func packageVars(f *goFile) (specs []*ast.ValueSpec) {
	for _, decl := range f.ast.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			s, ok := spec.(*ast.ValueSpec)
			if ok && s.Doc == nil {
				s.Doc = d.Doc // where a lone go:embed stands
			}
			specs = append(specs, s)
		}
	}
	return specs
}

// constructors make values that nothing can change afterwards.
var constructors = []string{
	"errors.New", "fmt.Errorf", "redis.NewScript", "strings.NewReplacer", "base32.NewEncoding",
	"big.NewInt", "elliptic.P256", "language.NewMatcher",
}

func constantInSpirit(f *goFile, spec *ast.ValueSpec, i int) bool {
	name := spec.Names[i].Name
	if name == "_" || embeds(spec) {
		return true
	}
	if len(spec.Values) != len(spec.Names) {
		return false
	}
	switch v := spec.Values[i].(type) {
	case *ast.CompositeLit:
		return !synchronises(v)
	case *ast.UnaryExpr:
		lit, ok := v.X.(*ast.CompositeLit)
		return ok && v.Op == token.AND && !synchronises(lit)
	case *ast.CallExpr:
		return constantCall(v)
	case *ast.BasicLit:
		return name == "version" && room(f.path) == "cmd" // set by the linker
	}
	return false
}

// constantCall accepts conversions, Must… and the constructors above, also with With… options behind them.
func constantCall(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.ArrayType:
		return true
	case *ast.Ident:
		return strings.HasPrefix(strings.ToLower(fun.Name), "must")
	case *ast.SelectorExpr:
		if inner, ok := fun.X.(*ast.CallExpr); ok {
			return strings.HasPrefix(fun.Sel.Name, "With") && constantCall(inner)
		}
		if strings.HasPrefix(fun.Sel.Name, "With") || strings.HasPrefix(fun.Sel.Name, "Must") {
			return true
		}
		pkg, ok := fun.X.(*ast.Ident)
		return ok && slices.Contains(constructors, pkg.Name+"."+fun.Sel.Name)
	}
	return false
}

// synchronises says whether the literal is of a type that exists only to be changed.
func synchronises(lit *ast.CompositeLit) bool {
	sel, ok := lit.Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && (pkg.Name == "sync" || pkg.Name == "atomic")
}

func embeds(spec *ast.ValueSpec) bool {
	if spec.Doc == nil {
		return false
	}
	return slices.ContainsFunc(spec.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// assignments finds where a package-level variable, or a part of it, is assigned to.
func (t *tree) assignments(f *goFile, variables []string) (findings []string) {
	report := func(target ast.Expr) {
		if id := rootOf(target); id != nil && slices.Contains(variables, id.Name) && packageLevel(f, id) {
			findings = append(findings, t.at(target, "%s is package-level and assigned to: make it a field", id.Name))
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE {
				for _, target := range s.Lhs {
					report(target)
				}
			}
		case *ast.IncDecStmt:
			report(s.X)
		}
		return true
	})
	return findings
}

// rootOf is the variable that an assignment to target changes: a of a.b[c].
func rootOf(target ast.Expr) *ast.Ident {
	for {
		switch e := target.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			target = e.X
		case *ast.IndexExpr:
			target = e.X
		case *ast.StarExpr:
			target = e.X
		case *ast.ParenExpr:
			target = e.X
		default:
			return nil
		}
	}
}

// packageLevel says whether id means the package's variable and not a local one of the same name.
func packageLevel(f *goFile, id *ast.Ident) bool {
	decl := declaration(id)
	spec, ok := decl.(*ast.ValueSpec)
	return decl == nil || ok && slices.Contains(packageVars(f), spec)
}

// declaration is where the parser saw id declared within its file; nil when that is another file.
// The parser's own resolution is deprecated for what needs types; a name within one file needs none.
func declaration(id *ast.Ident) any {
	if id.Obj == nil {
		return nil
	}
	return id.Obj.Decl
}
