package credentials

// The fuzz targets call the parsers without a file and without a process.

// ParseDockerConfig returns a source that has the content of one configuration.
func ParseDockerConfig(raw []byte) (Source, error) {
	file, err := parseConfigFile("config.json", raw, currentFormat)
	if err != nil {
		return nil, err
	}
	return dockerConfig{files: []*configFile{file}}, nil
}

// ParseHelperOutput parses what a helper printed before it exited successfully.
// The credential is zero if the helper has nothing.
func ParseHelperOutput(stdout []byte) (Credential, error) {
	cred, _, err := parseHelperOutput(stdout)
	return cred, err
}

// SaysNotFound reports whether a helper that failed printed that it has nothing.
func SaysNotFound(stdout, stderr []byte) bool { return saysNotFound(stdout, stderr) }

// LoadDockerConfigOn reads the places that an operating system has, below the directories of a test.
func LoadDockerConfigOn(goos, run string, uid int, home string) (Source, error) {
	return loadLocations(machine{goos: goos, run: run, uid: uid, home: home}.searchPath())
}

// HomeDirectory returns the home directory of the user.
func HomeDirectory() string { return homeDirectory() }
