// SPDX-License-Identifier: MIT
// A gRPC client that knows nothing of Paravane's interface, as grpcurl or a load balancer: asks the health and the
// reflection service at the Unix socket given, with messages written by hand, and prints what they answer.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstdio>
#include <string>

namespace {
grpc::ByteBuffer message(std::string const& bytes) {
    grpc::Slice slice{bytes};
    return {&slice, 1};
}

std::string text(grpc::ByteBuffer const& buffer) {
    std::vector<grpc::Slice> slices;
    (void)buffer.Dump(&slices).ok();
    std::string bytes;
    for (grpc::Slice const& slice : slices) bytes.append(reinterpret_cast<char const*>(slice.begin()), slice.size());
    return bytes;
}

// One request, one answer; the same for the first answer of a stream of both.
grpc::Status call(grpc::GenericStub& stub, std::string const& method, std::string const& request, std::string& answer) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    void* tag = nullptr;
    bool ok = false;
    auto wait = [&] { return queue.Next(&tag, &ok) && ok; };
    auto stream = stub.PrepareCall(&context, method, &queue);
    stream->StartCall(nullptr);
    grpc::ByteBuffer received;
    grpc::Status status;
    if (wait()) {
        stream->Write(message(request), nullptr);
        if (wait()) {
            stream->Read(&received, nullptr);
            if (wait()) answer = text(received);
            stream->WritesDone(nullptr);
            wait();
        }
    }
    stream->Finish(&status, nullptr);
    wait();
    return status;
}

// A field of a message that is a text: its key, its length, itself.
std::string field(int number, std::string const& value) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(value.size())} + value;
}

void show(char const* what, grpc::Status const& status, std::string const& answer) {
    std::printf("%s: %d ", what, static_cast<int>(status.error_code()));
    for (char c : answer)
        std::printf(c >= ' ' && c <= '~' && c != '\\' ? "%c" : "\\x%02x", static_cast<unsigned char>(c));
    std::printf(" %s\n", status.error_message().c_str());
}
}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    grpc::GenericStub stub{grpc::CreateChannel("unix:" + std::string{argv[1]}, grpc::InsecureChannelCredentials())};
    std::string const health = "/grpc.health.v1.Health/Check";
    std::string const reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    constexpr int service = 1, file_containing_symbol = 4, list_services = 7;  // health.proto, reflection.proto
    struct {
        char const* what;
        std::string method, request;
    } const questions[] = {
        {"health", health, ""},
        {"health of the interface", health, field(service, "paravane.v1.Domains")},
        {"health of another", health, field(service, "paravane.v9.Nothing")},
        {"services", reflection, field(list_services, "")},
        {"the interface's file", reflection, field(file_containing_symbol, "paravane.v1.Domains")},
        {"another's file", reflection, field(file_containing_symbol, "paravane.v9.Nothing")},
        {"a method that is not there", "/paravane.v1.Domains/Fly", ""},
        {"nonsense", "/paravane.v1.Domains/CreateDomain", "\xff\xff\xff\xff"},
        // Field 99 of the request, then field 99 of its spec, which is field 2.
        {"an unknown field", "/paravane.v1.Domains/CreateDomain", std::string{"\x98\x06\x01"}},
        {"an unknown field of a spec", "/paravane.v1.Domains/CreateDomain", std::string{"\x12\x03\x98\x06\x01"}},
    };
    for (auto const& [what, method, request] : questions) {
        std::string answer;
        grpc::Status const status = call(stub, method, request, answer);
        show(what, status, answer);
    }
}
