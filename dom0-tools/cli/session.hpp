// SPDX-License-Identifier: MIT
// What every command has: its line, its output, and its calls to paravaned.
#pragma once
#include <google/protobuf/message.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/endpoint.hpp"
#include "cli/failure.hpp"
#include "cli/line.hpp"
#include "cli/output.hpp"
#include "cli/values.hpp"

namespace paravane {
template <class Stub, class Request, class Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, Request const&, Response*);

class Session {
public:
    Session(Line line, Endpoint endpoint, Output output)
        : line_{std::move(line)}, endpoint_{std::move(endpoint)}, output_{std::move(output)} {}

    Line const& line() const { return line_; }
    Output& output() { return output_; }
    std::string const& argument(std::size_t index) const { return line_.arguments.at(index); }
    bool is_text() const { return output_.format() == Format::table || output_.format() == Format::wide; }

    // The calling side of a service, "v1::Domains".
    template <class Service>
    std::unique_ptr<typename Service::Stub> service() {
        return Service::NewStub(channel());
    }

    // A call that has one answer, "&v1::Domains::Stub::GetDomain". Reads end after a minute if nobody says otherwise;
    // --retry repeats what nobody answered. An answer that the host itself gives at the end of --timeout has `slack` to
    // arrive.
    template <class Stub, class Request, class Response>
    grpc::Status call(Method<Stub, Request, Response> method, Request const& request, Response& response,
                      bool reads = true, std::chrono::seconds slack = {}) {
        Stub stub{channel()};
        Repeat repeat{*this};
        for (;;) {
            grpc::ClientContext context;
            set_deadline(context, reads, slack);
            grpc::Status status = (stub.*method)(&context, request, &response);
            if (!repeat.again(status)) return status;
            response.Clear();
        }
    }
    void set_deadline(grpc::ClientContext& context, bool reads, std::chrono::seconds slack = {}) const;

    // The uid of a domain that was named by the number of its guest; names and uids stay as they are.
    grpc::Status resolve(std::string const& word, std::string& name, std::string& uid);
    // Puts a domain into a request: a name, a uid, or the number of its guest.
    template <class Request>
    grpc::Status name_domain(Request& request, std::string const& word) {
        std::string name, uid;
        grpc::Status status = resolve(word, name, uid);
        if (!uid.empty()) request.set_uid(uid);
        else request.set_name(name);
        return status;
    }

    // Prints why a call failed on standard error. "pause web" is put before what does not begin so.
    ExitCode fail(grpc::Status const& status, std::string const& operation);
    ExitCode fail(google::rpc::Status const& status, std::string const& operation);
    // Likewise for what failed here: a file, a word.
    ExitCode refuse(Error const& error, std::string const& operation, ExitCode code = ExitCode::invalid);

    // An answer as a document, or the text for people.
    void print(google::protobuf::Message const& message, std::string const& text);
    // Asks, and prints the answer, or why there is none. `render` makes the text for people.
    template <class Stub, class Request, class Response, class Render>
    ExitCode ask(std::string const& what, Method<Stub, Request, Response> method, Request const& request,
                 Render render) {
        Response response;
        grpc::Status const status = call(method, request, response);
        if (!status.ok()) return fail(status, what);
        print(response, render(response));
        return ExitCode::success;
    }
    // One document for many answers.
    void print_list(std::vector<google::protobuf::Message const*> const& messages);
    // One of a stream: a line.
    bool print_line(google::protobuf::Message const& message, std::string const& text);

private:
    class Repeat {
    public:
        explicit Repeat(Session const& session);
        bool again(grpc::Status const& status);

    private:
        std::chrono::steady_clock::time_point until_;
        std::chrono::milliseconds pause_{50};
    };

    std::shared_ptr<grpc::Channel> channel();

    Line line_;
    Endpoint endpoint_;
    Output output_;
    std::shared_ptr<grpc::Channel> channel_;
};

// Does it to each, and goes on after a failure; the first failure decides.
template <class Items, class Act>
ExitCode act_on_each(Items const& items, Act act) {
    ExitCode worst = ExitCode::success;
    for (auto const& item : items) {
        ExitCode const code = act(item);
        if (worst == ExitCode::success) worst = code;
    }
    return worst;
}
}  // namespace paravane
