// Command helper is a credential helper for the differential test. Its name, the part of its own
// path after "docker-credential-", says what it does.
package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "docker-credential-")
	raw, err := io.ReadAll(os.Stdin)
	if err != nil || len(os.Args) != 2 || os.Args[1] != "get" {
		os.Exit(2)
	}
	server := strings.TrimSpace(string(raw))
	about := strings.ReplaceAll(server, ":", "_") // a user name has no colon
	switch name {
	case "keychain": // has a login for about half of all servers
		if crc32.ChecksumIEEE([]byte(server))%2 == 0 {
			fmt.Println("credentials not found in native keychain")
			os.Exit(1)
		}
		fmt.Printf(`{"ServerURL":%q,"Username":%q,"Secret":"s3cret\n"}`+"\n", server, "keychain-"+about)
	case "vault": // has a login for every server
		fmt.Printf(`{"Username":%q,"Secret":"v4ult"}`, "vault-"+about)
	case "token":
		fmt.Printf(`{"ServerURL":%q,"Username":"<token>","Secret":"t0ken"}`, server)
	case "none":
		fmt.Println("credentials not found in native keychain")
		os.Exit(1)
	case "empty":
		fmt.Printf(`{"ServerURL":%q,"Username":"","Secret":""}`, server)
	case "object":
		fmt.Println("{}")
	case "user":
		fmt.Print(`{"Username":"user-alone","Secret":""}`)
	case "fails":
		fmt.Println("the vault is sealed")
		os.Exit(1)
	case "garbage":
		fmt.Println("not JSON")
	}
}
