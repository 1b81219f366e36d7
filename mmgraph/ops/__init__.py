"""The kernels under the layers."""
