package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// repositoryRoot is where the documents and the files to copy are.
const repositoryRoot = "../../../.."

// A documentedCommand is a command line of regret in a document or a file to copy.
type documentedCommand struct {
	file  string // from the root, with slashes
	words []string
}

// String returns the command line, without its quotes.
func (c documentedCommand) String() string { return c.file + ": " + strings.Join(c.words, " ") }

func TestDocumentedCommandsAndFlagsExist(t *testing.T) {
	t.Parallel()
	commands := documentedCommands(t)
	for _, file := range []string{
		"README.md", "docs/deploy.md", "deploy/github/retention.yml", "deploy/gitlab/.gitlab-ci.yml",
		"deploy/kubernetes/cronjob.yaml", "deploy/kubernetes/indexed-job.yaml",
	} {
		if !slices.ContainsFunc(commands, func(c documentedCommand) bool { return c.file == file }) {
			t.Errorf("no command line was found in %s", file)
		}
	}
	for _, c := range commands {
		if strings.HasPrefix(c.String(), "docs/command.md: regret login") { // of which it says that there is none
			continue
		}
		if _, _, problem := parseDocumented(c.words); problem != "" {
			t.Errorf("%s: %s", c, problem)
		}
	}
}

// Files that people copy consent to deletions only where this is known, and explained.
func TestFilesToCopyConsentOnlyWhereDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(repositoryRoot, "docs", "deploy.md"))
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string][]string{
		"deploy/kubernetes/cronjob.yaml":     {"registry", "policy", "yes"},
		"deploy/kubernetes/indexed-job.yaml": {"registry", "policy", "yes"},
	}
	for _, c := range documentedCommands(t) {
		if !strings.HasPrefix(c.file, "deploy/") {
			continue
		}
		_, flags, _ := parseDocumented(c.words)
		for _, flag := range flags {
			if _, consent := flag.Annotations[notFromEnv]; !consent {
				continue
			}
			if !slices.Contains(allowed[c.file], flag.Name) {
				t.Errorf("%s: --%s is not expected there", c, flag.Name)
			}
			if !strings.Contains(string(page), "`--"+flag.Name+"`") && !strings.Contains(string(page), "`-"+flag.Shorthand+"`") {
				t.Errorf("docs/deploy.md does not explain --%s", flag.Name)
			}
		}
	}
}

func TestCommandLinesAreFound(t *testing.T) {
	t.Parallel()
	const text = "# regret in a comment\n" +
		"A=1 REGRET_X='y z' regret ls \"a b\" \\\n  --tree >out 2>&1 | regret rm - -n || code=$?\n" +
		"echo regret ls; { exec regret 'version' ; }\nsource <(regret completion bash)\n$ regret plan x # comment\n"
	var got []string
	for _, words := range shellCommands(text) {
		got = append(got, strings.Join(words, "|"))
	}
	want := []string{"regret|ls|a b|--tree", "regret|rm|-|-n", "regret|version", "regret|completion|bash", "regret|plan|x"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for line, want := range map[string]string{
		"regret plan x -p policy.yaml --out=plan.json -q": "",
		"regret completion bsh":                           `there is no command "bsh"`,
		"regret plna x":                                   `there is no command "plna"`,
		"regret plan --no-such":                           "there is no flag --no-such",
		"regret plan --sizes=no -Z":                       "there is no flag -Z",
		"regret plan x --policy":                          "--policy has no value",
	} {
		if _, _, got := parseDocumented(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// parseDocumented finds the command of a command line, its flags, and what is wrong with it.
func parseDocumented(words []string) (*cobra.Command, []*pflag.Flag, string) {
	cmd := new(app).newRoot()
	cmd.InitDefaultCompletionCmd()
	cmd.InitDefaultHelpCmd()
	var flags []*pflag.Flag
	for i := 1; i < len(words); i++ {
		word := words[i]
		if len(word) > 1 && word[0] == '-' {
			found, takesNext, problem := flagsOf(cmd, word)
			if flags = append(flags, found...); problem != "" {
				return cmd, flags, problem
			}
			if takesNext {
				if i++; i == len(words) {
					return cmd, flags, word + " has no value"
				}
			}
			continue
		}
		if !cmd.HasSubCommands() {
			continue
		}
		at := slices.IndexFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == word || sub.HasAlias(word) })
		if at < 0 {
			return cmd, flags, `there is no command "` + word + `"`
		}
		cmd = cmd.Commands()[at]
	}
	return cmd, flags, ""
}

// flagsOf returns the flags in one word, and whether the next word is a value.
func flagsOf(cmd *cobra.Command, word string) (found []*pflag.Flag, takesNext bool, problem string) {
	cmd.InitDefaultHelpFlag()
	cmd.InheritedFlags() // merges them into those of the command
	if name, ok := strings.CutPrefix(word, "--"); ok {
		name, _, hasValue := strings.Cut(name, "=")
		flag := cmd.Flags().Lookup(name)
		if flag == nil {
			return nil, false, "there is no flag --" + name
		}
		return []*pflag.Flag{flag}, flag.NoOptDefVal == "" && !hasValue, ""
	}
	for i, letter := range word[1:] {
		flag := cmd.Flags().ShorthandLookup(string(letter))
		if flag == nil {
			return found, false, "there is no flag -" + string(letter)
		}
		if found = append(found, flag); flag.NoOptDefVal == "" {
			return found, i == len(word)-2, ""
		}
	}
	return found, false, ""
}

// documentedCommands returns the command lines in the documents and the files to copy.
func documentedCommands(t *testing.T) []documentedCommand {
	t.Helper()
	var found []documentedCommand
	add := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "\r\n", "\n")
		name, err := filepath.Rel(repositoryRoot, path)
		var lines [][]string
		switch filepath.Ext(path) {
		case ".md":
			lines = markdownCommands(text)
		case ".yaml", ".yml":
			lines = yamlCommands(t, text)
		case ".sh":
			lines = shellCommands(text)
		}
		for _, words := range lines {
			found = append(found, documentedCommand{filepath.ToSlash(name), words})
		}
		return err
	}
	pages, err := filepath.Glob(repositoryRoot + "/*.md")
	more, _ := filepath.Glob(repositoryRoot + "/docs/*.md")
	for _, page := range append(pages, more...) {
		if err == nil {
			err = add(page)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(repositoryRoot, "deploy"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return add(path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// yamlCommands returns the command lines in YAML: the arguments of containers, and scripts.
func yamlCommands(t *testing.T, text string) [][]string {
	t.Helper()
	var found [][]string
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, value := range value {
				walk(key, value)
			}
		case []any:
			if key == "args" {
				words := []string{"regret"}
				for _, arg := range value {
					words = append(words, arg.(string))
				}
				found = append(found, words)
				return
			}
			for _, value := range value {
				walk(key, value)
			}
		case string:
			if key == "run" || key == "script" || key == "before_script" {
				found = append(found, shellCommands(value)...)
			}
		}
	}
	for _, document := range strings.Split(text, "\n---\n") {
		var value any
		if err := yaml.Unmarshal([]byte(document), &value); err != nil {
			t.Fatal(err)
		}
		walk("", value)
	}
	return found
}

var inlineCode = regexp.MustCompile("`(regret [^`]*)`")

// markdownCommands returns the command lines in blocks of code, and those within text.
func markdownCommands(text string) [][]string {
	var found [][]string
	var block strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
			block.WriteString(line)
			continue
		case strings.HasPrefix(line, "    "):
			block.WriteString(strings.TrimPrefix(line, "    "))
			continue
		default:
			for _, code := range inlineCode.FindAllStringSubmatch(line, -1) {
				found = append(found, shellCommands(code[1])...)
			}
		}
		found = append(found, shellCommands(block.String())...)
		block.Reset()
	}
	return append(found, shellCommands(block.String())...)
}
