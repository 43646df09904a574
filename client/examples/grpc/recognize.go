// Read the text of an image over gRPC: `recognize 127.0.0.1:50052 receipt.jpg`.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	ocr "example.com/recognize/imagemesh/ocr/v1"
)

func main() {
	if err := recognize(os.Args[1], os.Args[2]); err != nil {
		failure := status.Convert(err)
		fmt.Fprintf(os.Stderr, "%s: %s\n", failure.Code(), failure.Message())
		os.Exit(1)
	}
}

func recognize(address, path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	channel, err := grpc.Dial(address, grpc.WithInsecure())
	if err != nil {
		return err
	}
	defer channel.Close()
	deadline, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request := &ocr.RecognizeRequest{Image: image, Language: "eng"}
	answer, err := ocr.NewOcrServiceClient(channel).Recognize(deadline, request)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n[%s, %d lines]\n", answer.Text, answer.Model.Name, len(answer.Lines))
	return nil
}
