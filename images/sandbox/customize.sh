# shellcheck shell=bash
# Runs in the chroot after the common one.
set -eu
mkdir -p /opt/lab/etc/jupyter
cp /run/lab-build/sandbox/jupyter_config.json /opt/lab/etc/jupyter/jupyter_config.json
# One kernel, by its absolute interpreter, so that no PATH decides.
mkdir -p /opt/lab/share/jupyter/kernels/python3
cat >/opt/lab/share/jupyter/kernels/python3/kernel.json <<'KERNEL'
{
 "argv": ["/opt/lab/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "Python 3 (lab)",
 "language": "python",
 "metadata": {"debugger": true}
}
KERNEL
