package regret

// What the fuzz targets call without a file and a process in between.

// ParseDockerConfig makes a source of the content of a configuration.
func ParseDockerConfig(raw []byte) (CredentialSource, error) {
	file, err := parseConfigFile("config.json", raw)
	if err != nil {
		return nil, err
	}
	return dockerConfig{file}, nil
}

// HelperCredential reads what a helper printed before it exited with success.
func HelperCredential(stdout []byte) (Credential, bool, error) { return helperCredential(stdout) }

// HelperHasNothing reads what a helper printed before it failed.
func HelperHasNothing(stdout []byte) bool { return notFoundInHelper(stdout) }
