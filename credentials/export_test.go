package credentials

// The fuzz targets call the parsers without a file and without a process.

// ParseDockerConfig returns a source that has the content of one configuration.
func ParseDockerConfig(raw []byte) (Source, error) {
	file, err := parseConfigFile("config.json", raw)
	if err != nil {
		return nil, err
	}
	return dockerConfig{files: []*configFile{file}}, nil
}

// ParseHelperOutput parses what a helper printed before it exited successfully.
func ParseHelperOutput(stdout []byte) (Credential, error) { return parseHelperOutput(stdout) }

// SaysNotFound reports whether a helper that failed printed that it has nothing.
func SaysNotFound(stdout []byte) bool { return saysNotFound(stdout) }
