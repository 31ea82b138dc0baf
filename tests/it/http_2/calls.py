"""A server and a client of gRPC: `calls.py serve CHAIN KEY` says its port; `calls.py ask HOST:PORT ROOTS` says what came."""

import json
import sys
import threading
from concurrent import futures

import grpc


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata((("x-detail", "all of it"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    context.send_initial_metadata((("x-begin", "1"),))
    context.set_trailing_metadata((("x-end", "2"),))
    return b"said " + request


def down(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def up(requests, context):
    return b"+".join(requests)


def both(requests, context):
    for request in requests:
        yield b"back " + request


def serve(chain, key):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Both": grpc.stream_stream_rpc_method_handler(both),
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    with open(key, "rb") as key, open(chain, "rb") as chain:
        credentials = grpc.ssl_server_credentials([(key.read(), chain.read())])
    print(server.add_secure_port("127.0.0.1:0", credentials), flush=True)
    server.start()
    # Until whoever has started it ends.
    sys.stdin.read()
    server.stop(None)


def ask(target, roots):
    with open(roots, "rb") as roots:
        credentials = grpc.ssl_channel_credentials(roots.read())
    said = {}
    with grpc.secure_channel(target, credentials) as channel:
        call = channel.unary_unary("/test.Test/Unary")
        answer, done = call.with_call(b"hello", timeout=60, metadata=(("x-asked", "yes"),))
        said["unary"] = [answer.decode(), dict(done.initial_metadata()).get("x-begin"), dict(done.trailing_metadata()).get("x-end")]
        try:
            call(b"fail", timeout=60)
        except grpc.RpcError as error:
            said["fail"] = [error.code().name, error.details(), dict(error.trailing_metadata()).get("x-detail")]
        said["large"] = len(call(b"x" * 3_000_000, timeout=60))
        said["down"] = [item.decode() for item in channel.unary_stream("/test.Test/Down")(b"5", timeout=60)]
        said["up"] = channel.stream_unary("/test.Test/Up")(iter([b"a", b"b", b"c"]), timeout=60).decode()
        # Each is sent when the answer to the one before has come.
        turn, sent = threading.Semaphore(1), [b"1", b"2", b"3"]

        def by_turns():
            for item in sent:
                turn.acquire()
                yield item

        said["both"] = []
        for item in channel.stream_stream("/test.Test/Both")(by_turns(), timeout=60):
            said["both"].append(item.decode())
            turn.release()
        # Many at the same time.
        many = [call.future(b"%d" % number, timeout=60) for number in range(50)]
        said["many"] = all(one.result() == b"said %d" % number for number, one in enumerate(many))
        endless = channel.unary_stream("/test.Test/Down")(b"1000000000", timeout=2)
        try:
            for _ in endless:
                pass
        except grpc.RpcError as error:
            said["late"] = error.code().name
        said["after"] = call(b"all", timeout=60).decode()
    print(json.dumps(said))


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
