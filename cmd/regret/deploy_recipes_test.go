//go:build unix

package main_test

// recipes are what the scripts in deploy/in-use are tried with.
func recipes() []recipe {
	const app = "registry.example.com/team/app"
	return []recipe{{
		name:   "images and digests, each once",
		script: "kubectl.sh",
		programs: programs{"kubectl": `
			[ "$1 $3 $4" = "get --all-namespaces --output" ] || exit 9
			case $2 in *pods*deployments*cronjobs*) ;; *) exit 9 ;; esac
			case $5 in 'jsonpath={'*'}') ;; *) exit 9 ;; esac
			echo "` + app + `:1 nginx ` + app + `:1   ` + app + `@` + digestA + ` docker-pullable://nginx@` + digestB + ` ` + digestB + ` "`},
		want: []string{"docker-pullable://nginx@" + digestB, "nginx", app + ":1", app + "@" + digestA, digestB},
	}, {
		name:     "the cluster names no image",
		script:   "kubectl.sh",
		programs: programs{"kubectl": `echo "    "`},
	}, {
		name:     "kubectl fails after a part of the list",
		script:   "kubectl.sh",
		programs: programs{"kubectl": `echo ` + app + `:1; exit 1`},
	}, {
		name:   "all versions of all jobs",
		script: "nomad.sh",
		programs: programs{"nomad": `
			case "$1 $2 $3 $4" in
			"job status -namespace *")
				printf '%s\n' 'ID             Namespace  Type     Priority  Status   Submit Date' \
					'web            default    service  50        running  2026-11-20T08:00:00Z' \
					'cron/periodic  batch      batch    50        dead (stopped)  2026-11-20T08:00:00Z' ;;
			"job history -namespace default")
				[ "$5 $7" = "-t web" ] || exit 9
				printf '` + app + `:2\n` + app + `:1\n\n' ;;
			"job history -namespace batch")
				[ "$5 $7" = "-t cron/periodic" ] || exit 9
				printf '` + app + `:2\ndocker://redis:8\n\n' ;;
			*) exit 9 ;;
			esac`},
		want: []string{"docker://redis:8", app + ":1", app + ":2"},
	}, {
		name:     "there is no job",
		script:   "nomad.sh",
		programs: programs{"nomad": `echo "No running jobs"`},
	}, {
		name:     "jobs have no images",
		script:   "nomad.sh",
		programs: programs{"nomad": `if [ "$2" = status ]; then printf 'ID Namespace Type\nweb default service\n'; else echo; fi`},
	}, {
		name:     "the list of jobs has no namespaces",
		script:   "nomad.sh",
		programs: programs{"nomad": `if [ "$2" = status ]; then printf 'ID Type\nweb service\n'; else echo ` + app + `:1; fi`},
	}, {
		name:     "the jobs cannot be listed",
		script:   "nomad.sh",
		programs: programs{"nomad": `exit 1`},
	}, {
		name:   "the first of two jobs cannot be read",
		script: "nomad.sh",
		programs: programs{"nomad": `
			case "$2 $7" in
			"status ") printf 'ID Namespace Type\none default service\ntwo default service\n' ;;
			"history two") echo ` + app + `:1 ;;
			*) exit 1 ;;
			esac`},
	}, {
		name:   "tasks by the hundred, and task definitions of services",
		script: "ecs.sh",
		programs: programs{"aws": `
			case "$1 $2" in
			"ecs list-clusters") echo "arn:c1	arn:c2" ;;
			"ecs list-tasks") if [ "$4" = arn:c1 ]; then seq -f arn:t%g 1 150 | tr '\n' '\t'; fi ;;
			"ecs list-services") if [ "$4" = arn:c2 ]; then seq -f arn:s%g 1 11 | tr '\n' '\t'; fi ;;
			"ecs describe-tasks")
				[ "$4 $9" = "arn:c1 --tasks" ] && [ $# -le 109 ] || exit 9
				echo "` + app + `:$#	` + digestA + `" ;;
			"ecs describe-services")
				[ "$4 $9" = "arn:c2 --services" ] && [ $# -le 19 ] || exit 9
				echo "arn:d1	arn:d2" ;;
			"ecs describe-task-definition") echo "` + app + `:$4" | sed 's/arn://' ;;
			*) exit 9 ;;
			esac`},
		want: []string{app + ":109", app + ":59", app + ":d1", app + ":d2", digestA},
	}, {
		name:     "there is no cluster",
		script:   "ecs.sh",
		programs: programs{"aws": `echo`},
	}, {
		name:   "nothing runs",
		script: "ecs.sh",
		programs: programs{"aws": `
			case $2 in list-clusters) echo arn:c1 ;; list-*) echo ;; *) exit 9 ;; esac`},
	}, {
		name:   "the second hundred of tasks fails",
		script: "ecs.sh",
		programs: programs{"aws": `
			case $2 in
			list-clusters) echo arn:c1 ;;
			list-tasks) seq -f arn:t%g 1 150 ;;
			describe-tasks) if [ $# -gt 100 ]; then echo ` + app + `:1; else exit 1; fi ;;
			*) echo ;;
			esac`},
	}, {
		name:   "a task definition cannot be read",
		script: "ecs.sh",
		programs: programs{"aws": `
			case $2 in
			list-clusters) echo arn:c1 ;;
			list-services) echo arn:s1 ;;
			describe-services) echo arn:d1 ;;
			describe-task-definition) exit 1 ;;
			*) echo ;;
			esac`},
	}, {
		name:   "pull requests, and what stays",
		script: "pull-requests.sh",
		args:   []string{app + ":pr-", app + ":latest"},
		programs: programs{"gh": `
			[ "$1 $2 $4" = "api --paginate --jq" ] || exit 9
			case $3 in 'repos/{owner}/{repo}/pulls?state=open'*) printf '17\n4\n' ;; *) exit 9 ;; esac`},
		want: []string{app + ":latest", app + ":pr-17", app + ":pr-4"},
	}, {
		name:     "no pull request is open, but something stays",
		script:   "pull-requests.sh",
		args:     []string{app + ":pr-", app + ":latest"},
		programs: programs{"gh": ``},
		want:     []string{app + ":latest"},
	}, {
		name:     "no pull request is open",
		script:   "pull-requests.sh",
		args:     []string{app + ":pr-"},
		programs: programs{"gh": ``},
	}, {
		name:     "gh fails on the second page",
		script:   "pull-requests.sh",
		args:     []string{app + ":pr-", app + ":latest"},
		programs: programs{"gh": `echo 17; exit 1`},
	}, {
		name:   "branches in both forms of their tags",
		script: "branches.sh",
		args:   []string{"origin", app + ":"},
		programs: programs{"git": `
			[ "$*" = "ls-remote --heads -- origin" ] || exit 9
			printf '%s\trefs/heads/%s\n' 1a main 2b feature/Login 3c -.-`},
		want: []string{app + ":feature-Login", app + ":feature-login", app + ":main"},
	}, {
		name:     "there is no branch",
		script:   "branches.sh",
		args:     []string{"origin", app + ":"},
		programs: programs{"git": ``},
	}, {
		name:     "git fails after a part of the list",
		script:   "branches.sh",
		args:     []string{"origin", app + ":"},
		programs: programs{"git": `printf '1a\trefs/heads/main\n'; exit 128`},
	}, {
		name:     "a branch has letters that tools treat differently",
		script:   "branches.sh",
		args:     []string{"origin", app + ":"},
		programs: programs{"git": `printf '1a\trefs/heads/%s\n' main größe`},
	}, {
		name:     "the program does not exist",
		script:   "branches.sh",
		args:     []string{"origin", app + ":"},
		programs: programs{"git": `exec no-such-program`},
	}}
}
