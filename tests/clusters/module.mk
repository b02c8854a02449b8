# SPDX-License-Identifier: GPL-2.0-or-later
#
# The scripts for XenServer and for clusters, with fakes of what they call.

DEPS_TEST += iproute2 mmdebstrap procps util-linux

CHECKS += check-clusters

## make check-clusters     the scripts for XenServer and clusters, without Xen
.PHONY: check-clusters
check-clusters: all
	@BUILD=$(BUILD) CC="$(CC)" tests/clusters/check-xenserver
	@tests/clusters/check-ocf

# In check-all alone: it needs root, and Debian's archive the first time.
## make check-pacemaker    a cluster of two nodes, with our resource agent
.PHONY: check-pacemaker
check-pacemaker:
	@tests/clusters/check-pacemaker $(BUILD)/clusters
