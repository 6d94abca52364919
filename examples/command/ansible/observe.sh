#!/bin/sh
# observe.sh HOST: whether this job's playbook came to its last task there, for an agent that did not run it. A playbook that did not may be half
# way through or never have begun: nobody can tell.
ansible all --inventory "$1," --module-name ansible.builtin.command --args "grep -qxF $SLIPWAY_JOB /var/lib/slipway/job" >/dev/null || exit 1
exit 0
