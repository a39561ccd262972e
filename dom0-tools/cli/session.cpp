// SPDX-License-Identifier: MIT
#include "cli/session.hpp"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <paravane/v1/domains.grpc.pb.h>
#include <unistd.h>

#include <cstdio>

#include "cli/document.hpp"
#include "cli/text.hpp"
#include "os/io.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
constexpr std::chrono::seconds longest_read{60};

bool is_uid(std::string_view word) {
    if (word.size() != 36) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        bool const dash = i == 8 || i == 13 || i == 18 || i == 23;
        char const c = word[i];
        bool const hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex) return false;
    }
    return true;
}

void complain(std::string const& text) {
    // There is nobody left to tell if this cannot be written.
    (void)static_cast<bool>(write_all(STDERR_FILENO, text));
}
}  // namespace

std::shared_ptr<grpc::Channel> Session::channel() {
    if (channel_ == nullptr) {
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
        arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION,
                         1);  // of names only: nobody is asked for TXT records
        // Who repeats a call finds a daemon that came back at once, not after gRPC's own minutes.
        arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
        arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
        arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 64 << 20);  // a page of a thousand domains, and then some
        channel_ = grpc::CreateCustomChannel(endpoint_.target, grpc::InsecureChannelCredentials(), arguments);
    }
    return channel_;
}

void Session::set_deadline(grpc::ClientContext& context, bool reads, std::chrono::seconds slack) const {
    std::optional<std::chrono::nanoseconds> limit = line_.duration("timeout");
    if (!limit && reads) limit = longest_read;
    if (limit)
        context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::duration_cast<std::chrono::microseconds>(*limit + slack));
}

Session::Repeat::Repeat(Session const& session)
    : until_{std::chrono::steady_clock::now() +
             session.line_.duration("retry").value_or(std::chrono::nanoseconds::zero())} {}

bool Session::Repeat::again(grpc::Status const& status) {
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || std::chrono::steady_clock::now() >= until_)
        return false;
    usleep(static_cast<useconds_t>(std::chrono::microseconds{pause_}.count()));
    pause_ = std::min(2 * pause_, std::chrono::milliseconds{1000});
    return true;
}

grpc::Status Session::resolve(std::string const& word, std::string& name, std::string& uid) {
    bool const number = word.find_first_not_of("0123456789") == std::string::npos;
    if (is_uid(word)) {
        uid = word;
        for (char& c : uid)
            if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        return grpc::Status::OK;
    }
    if (!number) {
        name = word;
        return grpc::Status::OK;
    }
    std::optional<std::uint32_t> const id = hv::parse_decimal<std::uint32_t>(word);
    if (!id) return {grpc::StatusCode::NOT_FOUND, "there is no such domain"};
    v1::ListDomainsRequest request;
    request.set_id(*id);
    v1::ListDomainsResponse response;
    grpc::Status status = call(&v1::Domains::Stub::ListDomains, request, response);
    if (!status.ok()) return status;
    if (response.domains().empty()) return {grpc::StatusCode::NOT_FOUND, "there is no such domain"};
    uid = response.domains(0).metadata().uid();
    return grpc::Status::OK;
}

ExitCode Session::fail(grpc::Status const& status, std::string const& operation) {
    google::rpc::Status details = details_of(status);
    // gRPC's own words for a socket that nobody listens at say neither which nor what to do.
    bool const from_daemon = !details.details().empty();
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !from_daemon)
        details.set_message("paravaned does not answer at " + printable(endpoint_.shown) + " (" + details.message() +
                            ")");
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && !from_daemon)
        details.set_message("not done in time");
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && !from_daemon)
        details.set_message("this paravaned cannot do that");
    return fail(details, operation);
}

ExitCode Session::fail(google::rpc::Status const& status, std::string const& operation) {
    google::rpc::Status told = status;
    std::string const what = printable(operation);
    // What was typed comes first, in place of the host's words for it.
    std::string const theirs = operation_of(status);
    std::string const words = printable(theirs) + ": ";
    if (!theirs.empty() && told.message().starts_with(words)) told.mutable_message()->erase(0, words.size());
    if (!told.message().starts_with(what)) told.set_message(what + ": " + told.message());
    if (is_text()) complain("pvctl: " + render_failure(told));
    else complain(render_json_line(told));
    return exit_code_of(static_cast<grpc::StatusCode>(status.code()));
}

ExitCode Session::refuse(Error const& error, std::string const& operation, ExitCode code) {
    complain("pvctl: " + printable(operation) + ": " + printable(error.message()) + "\n");
    return code;
}

void Session::print(google::protobuf::Message const& message, std::string const& text) {
    switch (output_.format()) {
        case Format::json: output_.write(render_json(message)); return;
        case Format::yaml: output_.write(render_yaml(message)); return;
        default: output_.write(text);
    }
}

void Session::print_list(std::vector<google::protobuf::Message const*> const& messages) {
    output_.write(output_.format() == Format::yaml ? render_yaml_list(messages) : render_json_list(messages));
}

bool Session::print_line(google::protobuf::Message const& message, std::string const& text) {
    return output_.write(output_.format() == Format::json ? render_json_line(message) : text);
}
}  // namespace paravane
