#!/bin/sh
# Makes the _pb2 modules from the .proto files. Needs a throw-away environment: grpcio-tools pins another protobuf than
# the run time does. Its protobuf must be of the same major version (6) as the one in pyproject.toml.
#   python -m venv /tmp/pb && /tmp/pb/bin/pip install 'grpcio-tools==1.75.*' && PYTHON=/tmp/pb/bin/python sh make_pb2.sh
set -eu
cd "$(dirname "$0")/../../.."
"${PYTHON:-python}" -m grpc_tools.protoc -I . --python_out=. --pyi_out=. \
    pybernetes/store/etcdpb/kv.proto pybernetes/store/etcdpb/rpc.proto
# mypy's strict mode wants the arguments of generic types, which protoc leaves out.
sed -i 's/, _Mapping\]/, _Mapping[str, object]]/g' pybernetes/store/etcdpb/*_pb2.pyi
