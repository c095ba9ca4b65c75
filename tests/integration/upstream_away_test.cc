// An operator learns why an edge does not reach its channel service, and what is wrong in flags.

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/reserved_port.h"

namespace {

using boost::asio::ip::tcp;
using support::Process;
using support::ProcessOptions;

// An edge that connects to `channel`, and its admin port.
class LonelyEdge {
 public:
  explicit LonelyEdge(const std::string& channel)
      : process_(ProcessOptions{BinaryOfEdge(),
                                {"--name=edge-1", "--listen=127.0.0.1:0", "--channel=" + channel,
                                 "--admin_listen=127.0.0.1:" + std::to_string(admin_.number())},
                                {}}) {}

  // Waits until the log and /readyz both tell `reason`.
  void ExpectReason(const std::string& address, const std::string& reason) {
    support::Await("a warning with " + reason, [&] {
      const std::string log = process_.StderrText();
      return log.find(address + ": ") != std::string::npos && log.find(reason) != std::string::npos;
    });
    ExpectReadiness(address + ": ");
    ExpectReadiness(reason);
  }
  void ExpectReadiness(const std::string& reason) {
    support::Await("the admin address",
                   [&] { return process_.StderrText().find("listening on") != std::string::npos; });
    support::Await("/readyz with " + reason, [&] {
      const auto answer = support::HttpGet(admin_.number(), "/readyz");
      return answer.status == 503 && answer.body.find(reason) != std::string::npos;
    });
  }
  int Warnings() const {
    const std::string log = process_.StderrText();
    int count = 0;
    for (size_t at = 0; (at = log.find(" warning ", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  void Stop() { process_.Stop(); }

 private:
  static std::string BinaryOfEdge() { return support::BinaryPath("ws_edge"); }

  support::ReservedPort admin_;
  Process process_;
};

TEST(UpstreamAway, AnEdgeThatIsRefusedSaysSoOnce) {
  const support::ReservedPort nobody;
  const std::string address = "127.0.0.1:" + std::to_string(nobody.number());
  LonelyEdge edge(address);
  edge.ExpectReason(address, "Connection refused");
  EXPECT_EQ(edge.Warnings(), 1);
  edge.Stop();
}

TEST(UpstreamAway, ReadinessTellsWhyOfEachAddress) {
  const support::ReservedPort one;
  const support::ReservedPort two;
  const std::string first = "127.0.0.1:" + std::to_string(one.number());
  const std::string second = "127.0.0.1:" + std::to_string(two.number());
  LonelyEdge edge(first + "," + second);
  edge.ExpectReadiness(first + ": ");
  edge.ExpectReadiness(second + ": ");
  EXPECT_EQ(edge.Warnings(), 1) << "rarely, though it tries again and again";
  edge.Stop();
}

// A server that hangs up on each connection.
class HangingUp {
 public:
  HangingUp() { Accept(); }
  ~HangingUp() {
    loop_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  void Accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket) {
      if (!error) Accept();
    });
  }

  boost::asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  std::thread thread_{[this] { loop_.run(); }};
};

// An edge and an admin address answer in HTTP/1.1.
TEST(UpstreamAway, AnEdgeWhoseAddressIsNoGrpcServiceSaysSo) {
  support::Deployment deployment;
  HangingUp hanging_up;
  for (const std::uint16_t port :
       {deployment.service().admin_port, deployment.edge_port(), hanging_up.port()}) {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    LonelyEdge edge(address);
    edge.ExpectReason(address, "does a channel service listen there");
    edge.Stop();
  }
}

// The values that each flag takes: tests/unit (address_test, origin_test, forwarded_test,
// flags_test).
TEST(Start, FlagsThatCannotBeMeantAreRefusedInWords) {
  struct Row {
    const char* program;
    const char* flag;
    const char* words;
  };
  const Row rows[] = {
      {"ws_edge", "--channel=", "at least one HOST:PORT is needed"},
      {"ws_edge", "--channel=127.0.0.1:1,127.0.0.1:1", "given twice"},
      {"ws_edge", "--listen=http://127.0.0.1:1", "write IP:PORT"},
      {"ws_edge", "--admin_listen=127.0.0.1:70000", "write IP:PORT"},
      {"ws_edge", "--allowed_origins=https://a, https://b", "--allowed_origins"},
      {"ws_edge", "--server_names=https://chat.example", "--server_names"},
      {"ws_edge", "--trusted_proxies=10.0.0.0/33", "--trusted_proxies"},
      {"channel_service", "--listen=127.0.0.1 :1", "write IP:PORT"},
      {"channel_service", "--admin_listen=", "write IP:PORT"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.program) + " " + row.flag);
    Process process(ProcessOptions{support::BinaryPath(row.program), {row.flag}, {}});
    EXPECT_EQ(process.WaitForExit(), 64);
    EXPECT_NE(process.StderrText().find(row.words), std::string::npos) << process.StderrText();
  }
}

}  // namespace
