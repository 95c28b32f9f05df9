"""The program that receives and sends: webhooks, pages, replies. It never imports the engine nor a named channel."""
